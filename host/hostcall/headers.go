package hostcall

import "github.com/sluice-gateway/sluice/abi"

var headers = []function{
	{name: abi.ImportGetHeaderMapSize, args: "vw", body: getHeaderMapSize},
	{name: abi.ImportGetHeaderMapPairs, args: "vo", body: getHeaderMapPairs, charges: true},
	{name: abi.ImportSetHeaderMapPairs, args: "vb", body: setHeaderMapPairs, charges: true},
	{name: abi.ImportGetHeaderMapValue, args: "vbo", body: getHeaderMapValue, charges: true},
	{name: abi.ImportAddHeaderMapValue, args: "vbb", body: addHeaderMapValue, charges: true},
	{name: abi.ImportReplaceHeaderMapValue, args: "vbb", body: replaceHeaderMapValue, charges: true},
	{name: abi.ImportRemoveHeaderMapValue, args: "vb", body: removeHeaderMapValue, charges: true},
}

// noFields stands for a map that is valid but not available: reading all of it
// gives nothing, as with Envoy, since SDKs panic on any other status.
var noFields abi.HeaderMap

func (c call) mapType() abi.MapType { return abi.MapType(c.u32(0)) }

func (c call) headerMap(a Access) (*abi.HeaderMap, abi.Status) {
	t := c.mapType()
	switch {
	case !ofCallout(t):
		return c.caller.Current().HeaderMap(t, a)
	case a.Write:
		return nil, abi.StatusBadArgument
	}
	return c.caller.Callouts().HeaderMap(t)
}

func (c call) allFields() (*abi.HeaderMap, abi.Status) {
	fields, status := c.headerMap(Access{})
	if status == abi.StatusNotFound {
		return &noFields, abi.StatusOK
	}
	return fields, status
}

// proxy_get_header_map_size(map, *size): the bytes that the pairs take.
func getHeaderMapSize(c call) abi.Status {
	fields, status := c.allFields()
	if status != abi.StatusOK {
		return status
	}
	return c.putU32(1, uint32(fields.ByteSize()))
}

// proxy_get_header_map_pairs(map, **data, *size)
func getHeaderMapPairs(c call) abi.Status {
	fields, status := c.allFields()
	switch {
	case !c.charge(0, scan(fields)):
		return abi.StatusInternalFailure
	case status != abi.StatusOK:
		return status
	case fields.Len() == 0: // noFields is shared: do not let it encode itself
		return give(c, 1, "")
	}
	return give(c, 1, fields.Encoded())
}

// proxy_set_header_map_pairs(map, data): all fields are replaced. BAD_ARGUMENT:
// not writable now, not a serialized map, or one with a pseudo-header that the
// map cannot have, or has already.
func setHeaderMapPairs(c call) abi.Status {
	data, ok := c.view(1)
	fields, status := c.headerMap(Access{Write: true})
	switch {
	case !c.charge(0, sentUnits*int64(len(data))+scan(fields)):
		return abi.StatusInternalFailure
	case !ok:
		return abi.StatusInvalidMemoryAccess
	case status != abi.StatusOK:
		return status
	}
	pairs, err := abi.ParsePairs(data)
	switch {
	case err != nil, !settlePseudo(c.mapType(), pairs):
		return abi.StatusBadArgument
	case !c.caller.Charge(int64(fields.Len()+len(pairs)) * fieldUnits):
		return abi.StatusInternalFailure
	}
	return c.caller.Current().SetHeaderMap(c.mapType(), pairs)
}

// proxy_get_header_map_value(map, key, **data, *size): the first value.
// NOT_FOUND: no such field, or the map is not available; a guest of version
// 0.1.0 is told OK with nothing instead.
func getHeaderMapValue(c call) abi.Status {
	key, ok := c.view(1)
	fields, status := c.headerMap(Access{One: true, Key: key})
	switch {
	case !c.charge(len(key), scan(fields)): // with the value, which is among them
		return abi.StatusInternalFailure
	case !ok:
		return abi.StatusInvalidMemoryAccess
	}
	var value string
	if status == abi.StatusOK {
		status = abi.StatusNotFound
		if len(key) <= abi.MaxMapBytes {
			if value, ok = fields.Get(string(key)); ok {
				status = abi.StatusOK
			}
		}
	}
	if status == abi.StatusNotFound && c.caller.ABIVersion() == abi.V0_1_0 {
		status = abi.StatusOK
	}
	if status != abi.StatusOK {
		return status
	}
	return give(c, 3, value)
}

// proxy_add_header_map_value(map, key, value). BAD_ARGUMENT: not writable now,
// too much for a map, or a pseudo-header that the map cannot have, or has
// already.
func addHeaderMapValue(c call) abi.Status {
	return c.set(false)
}

// proxy_replace_header_map_value(map, key, value): adds a missing field.
// BAD_ARGUMENT: as for adding one, but a field that is there can be replaced in
// a map that is full.
func replaceHeaderMapValue(c call) abi.Status {
	return c.set(true)
}

func (c call) set(replace bool) abi.Status {
	key, ok1 := c.view(1)
	value, ok2 := c.view(3)
	fields, status := c.headerMap(Access{Write: true, One: true, Key: key})
	switch {
	case !c.charge(0, sentUnits*int64(len(key)+len(value))+scan(fields)):
		return abi.StatusInternalFailure
	case !ok1 || !ok2:
		return abi.StatusInvalidMemoryAccess
	case status != abi.StatusOK:
		return status
	case len(key)+len(value) > abi.MaxMapBytes: // before it is copied
		return abi.StatusBadArgument
	}
	name, text := string(key), string(value)
	if isPseudo(name) {
		known := false
		if name, known = pseudo(c.mapType(), name); !known {
			return abi.StatusBadArgument
		}
		if _, there := fields.Get(name); there && !replace {
			return abi.StatusBadArgument
		}
	}
	// A guest must not be able to fill the host's memory with fields.
	switch {
	case replace && fields.CanReplace(name, text):
		fields.Replace(name, text)
	case !replace && fields.CanAdd(name, text):
		fields.Add(name, text)
	default:
		return abi.StatusBadArgument
	}
	return abi.StatusOK
}

// proxy_remove_header_map_value(map, key): a missing field is no error.
func removeHeaderMapValue(c call) abi.Status {
	key, ok := c.view(1)
	fields, status := c.headerMap(Access{Write: true, One: true, Key: key})
	switch {
	case !c.charge(len(key), scan(fields)):
		return abi.StatusInternalFailure
	case !ok:
		return abi.StatusInvalidMemoryAccess
	case status != abi.StatusOK:
		return status
	case len(key) <= abi.MaxMapBytes: // no field has a longer one
		fields.Remove(string(key))
	}
	return abi.StatusOK
}
