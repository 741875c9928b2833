package message_test

import (
	"encoding/binary"
	"slices"
)

// msg puts the fields of a message together.
func msg(fields ...[]byte) []byte { return slices.Concat(fields...) }

// str is a field of text, of bytes or of a message.
func str[T ~string | ~[]byte](number int, value T) []byte {
	b := binary.AppendUvarint(nil, uint64(number)<<3|2)
	b = binary.AppendUvarint(b, uint64(len(value)))
	return append(b, value...)
}

// num is a field of a number, a boolean or an enum.
func num(number int, value uint64) []byte {
	return binary.AppendUvarint(binary.AppendUvarint(nil, uint64(number)<<3), value)
}

// entry is an entry of a map from text to text.
func entry(number int, key, value string) []byte {
	return str(number, msg(str(1, key), str(2, value)))
}
