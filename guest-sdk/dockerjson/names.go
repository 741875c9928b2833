package dockerjson

import "strconv"

// few is how many members an object may have to be looked through one by one.
const few = 8

// names is what the parser tells member names apart with.
type names struct {
	slots []name // a power of two of them
	steps int    // that were made, of all that may be
}

// name is a member's name: its hash, and the node; 0 is nobody's member.
type name struct {
	hash uint32
	node int32
}

// distinct refuses an object that has a member name twice: Go takes the last scalar and merges objects, others the first.
// Names that differ only in case are not refused here, as a map (Labels) may have both; [Value.Get] refuses them.
func (p *parser) distinct(object int32) bool {
	end := p.nodes.at(object).after
	count := 0
	for i := object + 1; i < end && count <= few; i = p.nodes.next(i) {
		count++
	}
	if count <= few {
		for i := object + 1; i < end; i = p.nodes.next(i) {
			for j := p.nodes.next(i); j < end; j = p.nodes.next(j) {
				if p.sameName(i, j) {
					return p.twice(j)
				}
			}
		}
		return true
	}
	count = 0
	for i := object + 1; i < end; i = p.nodes.next(i) {
		count++
	}
	return p.distinctOf(object, end, count)
}

// distinctOf does it for an object of many members. Whoever makes names that have one hash is refused, too, before all of
// them have been compared with each other.
func (p *parser) distinctOf(object, end int32, count int) bool {
	size := 4 * few
	for size < 2*count {
		size *= 2
	}
	if len(p.names.slots) < size {
		p.names.slots = make([]name, size)
	}
	slots := p.names.slots[:size]
	clear(slots)
	mask := uint32(size - 1)
	most := 1024 + 2*len(p.text)
	for i := object + 1; i < end; i = p.nodes.next(i) {
		hash := hashOf(p.text, p.nodes.at(i).key)
		at := (hash ^ hash>>15) & mask
		for ; slots[at].node != 0; at = (at + 1) & mask {
			p.names.steps++
			if slots[at].hash == hash {
				if p.sameName(slots[at].node, i) {
					return p.twice(i)
				}
				p.names.steps += 16
			}
			if p.names.steps > most {
				p.at = int(p.nodes.at(object).start)
				return p.fail("member names that are made to look alike in the object")
			}
		}
		slots[at] = name{hash, i}
	}
	return true
}

func (p *parser) sameName(i, j int32) bool {
	a, b := p.nodes.at(i).key, p.nodes.at(j).key
	if a > 0 && b > 0 {
		text := p.text
		for text[a] == text[b] {
			if text[a] == '"' {
				return true
			}
			a, b = a+1, b+1
		}
		return false
	}
	x, y := nameAt(p.text, a), nameAt(p.text, b)
	for len(x) > 0 && len(y) > 0 {
		r, size := nextRune(x)
		other, otherSize := nextRune(y)
		if r != other {
			return false
		}
		x, y = x[size:], y[otherSize:]
	}
	return len(x) == len(y)
}

func (p *parser) twice(i int32) bool {
	key := p.nodes.at(i).key
	p.at = int(max(key, -key))
	return p.fail("member " + strconv.Quote(decode(nameAt(p.text, key))) + " is there twice")
}

// nameAt is the raw name that begins where a node's key says.
func nameAt(text []byte, key int32) []byte {
	if key == 0 {
		return nil
	}
	begin := max(key, -key)
	end := begin
	for text[end] != '"' {
		if text[end] == '\\' {
			end++
		}
		end++
	}
	return text[begin:end]
}

const (
	hashBasis = 2166136261
	hashPrime = 16777619
)

// hashOf is a hash of the name that begins where a node's key says.
func hashOf(text []byte, key int32) uint32 {
	hash := uint32(hashBasis)
	if key > 0 {
		for c := text[key]; c != '"'; c = text[key] {
			hash = (hash ^ uint32(c)) * hashPrime
			key++
		}
		return hash
	}
	for raw := nameAt(text, key); len(raw) > 0; {
		r, size := nextRune(raw)
		hash = (hash ^ uint32(r)) * hashPrime
		raw = raw[size:]
	}
	return hash
}

// foldedHashOf is the same of the name as encoding/json folds it.
func foldedHashOf(text []byte, key int32) uint32 {
	hash := uint32(hashBasis)
	if key > 0 {
		for c := text[key]; c != '"'; c = text[key] {
			hash = (hash ^ uint32(fold(rune(c)))) * hashPrime
			key++
		}
		return hash
	}
	for raw := nameAt(text, key); len(raw) > 0; {
		r, size := nextRune(raw)
		hash = (hash ^ uint32(fold(r))) * hashPrime
		raw = raw[size:]
	}
	return hash
}

func foldedHash(s string) uint32 {
	hash := uint32(hashBasis)
	for _, r := range s {
		hash = (hash ^ uint32(fold(r))) * hashPrime
	}
	return hash
}
