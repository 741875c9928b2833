// Package message knows the messages of BuildKit's API as far as a gateway has to look into them: it turns the protobuf bytes of a
// request into JSON for filters, and JSON back into bytes for the engine.
//
// What a filter sees and what the engine gets must be one thing, so the package is strict where protobuf's own libraries are
// generous. A field that is given twice, two members of a oneof, a number out of range, text that is not UTF-8 and a group are
// refused; the bytes that go on are always written anew from the JSON. A field that the schema does not know is refused by its
// number, or shown under the key "#NUMBER" where the operator allows that.
//
// # The JSON form
//
// Keys are the names of the fields as BuildKit's .proto files spell them. Numbers are numbers, enums are names, bytes are base64, maps
// are objects with sorted keys. What protobuf does not send because it is zero is left out.
//
// A Definition (LLB, the graph of a build) holds its vertices as bytes, and they refer to each other by the digest of these bytes. They
// cannot be written anew, so "def" shows each one as {"digest": …, "op": {…}} instead: the digest stands for the bytes, which the
// [Codec] keeps, and op is what they say. A filter may read op, take vertices away or refuse; a changed op is an error.
//
// The schema (schema.txt) is written by .ci/buildclient/schema from BuildKit's own descriptors. The package depends on the standard
// library only; the schema is read when it is first asked for.
package message
