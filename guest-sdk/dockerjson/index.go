package dockerjson

// index finds the members of an object that has many: a filter asks for dozens of names, and the object may have as many
// members as the sender likes.
type index struct {
	object int32
	heads  []int32 // of the links of each hash, plus one; a power of two of them
	links  []link
}

type link struct {
	member int32
	next   int32 // as heads
}

// many is how many members an object has at least that an index is made for.
const many = 64

// candidates returns an iterator over the members of an object that could be called name, in no order: all of them where they
// are few.
func (d *Document) candidates(object int32, name string) candidates {
	end := d.nodes.at(object).after
	if end-object <= many {
		return candidates{d: d, at: object + 1, end: end}
	}
	if x := d.indexOf(object); x != nil {
		return candidates{d: d, links: x.links, at: x.heads[foldedHash(name)&uint32(len(x.heads)-1)]}
	}
	return candidates{d: d, at: object + 1, end: end}
}

// candidates goes through members: those of a list, or those up to end.
type candidates struct {
	d       *Document
	links   []link
	at, end int32
}

// next returns the next one, 0 when there is none.
func (c *candidates) next() int32 {
	if c.links != nil {
		if c.at == 0 {
			return 0
		}
		l := c.links[c.at-1]
		c.at = l.next
		return l.member
	}
	if c.at >= c.end {
		return 0
	}
	i := c.at
	c.at = c.d.nodes.next(i)
	return i
}

// indexOf returns the index of an object with many nodes, nil when few of them are its members.
func (d *Document) indexOf(object int32) *index {
	for i := range d.indexes {
		if d.indexes[i].object == object {
			return d.indexes[i].orNil()
		}
	}
	end := d.nodes.at(object).after
	count := 0
	for i := object + 1; i < end; i = d.nodes.next(i) {
		count++
	}
	x := index{object: object}
	if count > many {
		size := many
		for size < count {
			size *= 2
		}
		x.heads, x.links = make([]int32, size), make([]link, 0, count)
		for i := object + 1; i < end; i = d.nodes.next(i) {
			at := foldedHashOf(d.text, d.nodes.at(i).key) & uint32(size-1)
			x.links = append(x.links, link{i, x.heads[at]})
			x.heads[at] = int32(len(x.links))
		}
	}
	if len(d.indexes) == indexesKept {
		d.indexes = d.indexes[:copy(d.indexes, d.indexes[1:])]
	}
	d.indexes = append(d.indexes, x)
	return d.indexes[len(d.indexes)-1].orNil()
}

// indexesKept is how many of them a document keeps: those of the body itself, its HostConfig, its Labels and a few more.
const indexesKept = 8

func (x *index) orNil() *index {
	if x.heads == nil {
		return nil
	}
	return x
}
