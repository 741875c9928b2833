package hostcall

import "github.com/sluice-gateway/sluice/abi"

var headers = []function{
	{name: abi.ImportGetHeaderMapSize, args: "vw", body: getHeaderMapSize},
	{name: abi.ImportGetHeaderMapPairs, args: "vo", body: getHeaderMapPairs},
	{name: abi.ImportSetHeaderMapPairs, args: "vb", body: setHeaderMapPairs},
	{name: abi.ImportGetHeaderMapValue, args: "vbo", body: getHeaderMapValue},
	{name: abi.ImportAddHeaderMapValue, args: "vbb", body: addHeaderMapValue},
	{name: abi.ImportReplaceHeaderMapValue, args: "vbb", body: replaceHeaderMapValue},
	{name: abi.ImportRemoveHeaderMapValue, args: "vb", body: removeHeaderMapValue},
}

// noFields stands for a map that is valid but not available: reading all of it
// gives nothing, as with Envoy, since SDKs panic on any other status.
var noFields abi.HeaderMap

func (c call) headerMap(write bool) (*abi.HeaderMap, abi.Status) {
	return c.caller.Current().HeaderMap(abi.MapType(c.u32(0)), write)
}

func (c call) allFields() (*abi.HeaderMap, abi.Status) {
	fields, status := c.headerMap(false)
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
	if status != abi.StatusOK {
		return status
	}
	if fields.Len() == 0 { // noFields is shared: do not let it encode itself
		return c.give(1, nil)
	}
	return c.give(1, fields.Encoded())
}

// proxy_set_header_map_pairs(map, data): all fields are replaced. BAD_ARGUMENT:
// not writable now, or not a serialized map.
func setHeaderMapPairs(c call) abi.Status {
	data, ok := c.view(1)
	if !ok {
		return abi.StatusInvalidMemoryAccess
	}
	fields, status := c.headerMap(true)
	if status != abi.StatusOK {
		return status
	}
	pairs, err := abi.ParsePairs(data)
	if err != nil {
		return abi.StatusBadArgument
	}
	fields.SetPairs(pairs)
	return abi.StatusOK
}

// proxy_get_header_map_value(map, key, **data, *size): the first value.
// NOT_FOUND: no such field, or the map is not available; a guest of version
// 0.1.0 is told OK with nothing instead.
func getHeaderMapValue(c call) abi.Status {
	key, ok := c.view(1)
	if !ok {
		return abi.StatusInvalidMemoryAccess
	}
	var value string
	fields, status := c.headerMap(false)
	if status == abi.StatusOK {
		if value, ok = fields.Get(string(key)); !ok {
			status = abi.StatusNotFound
		}
	}
	if status == abi.StatusNotFound && c.caller.ABIVersion() == abi.V0_1_0 {
		status = abi.StatusOK
	}
	if status != abi.StatusOK {
		return status
	}
	return c.giveString(3, value)
}

// proxy_add_header_map_value(map, key, value). BAD_ARGUMENT: not writable now,
// or too much for a map.
func addHeaderMapValue(c call) abi.Status {
	return c.change(func(fields *abi.HeaderMap, key, value string) {
		fields.Add(key, value)
	})
}

// proxy_replace_header_map_value(map, key, value): adds a missing field.
func replaceHeaderMapValue(c call) abi.Status {
	return c.change(func(fields *abi.HeaderMap, key, value string) {
		fields.Replace(key, value)
	})
}

func (c call) change(change func(fields *abi.HeaderMap, key, value string)) abi.Status {
	key, ok1 := c.view(1)
	value, ok2 := c.view(3)
	if !ok1 || !ok2 {
		return abi.StatusInvalidMemoryAccess
	}
	fields, status := c.headerMap(true)
	if status != abi.StatusOK {
		return status
	}
	// A guest must not be able to fill the host's memory with fields.
	if fields.Len() >= abi.MaxPairs || fields.ByteSize()+len(key)+len(value) > abi.MaxMapBytes {
		return abi.StatusBadArgument
	}
	change(fields, string(key), string(value))
	return abi.StatusOK
}

// proxy_remove_header_map_value(map, key): a missing field is no error.
func removeHeaderMapValue(c call) abi.Status {
	key, ok := c.view(1)
	if !ok {
		return abi.StatusInvalidMemoryAccess
	}
	fields, status := c.headerMap(true)
	if status != abi.StatusOK {
		return status
	}
	fields.Remove(string(key))
	return abi.StatusOK
}
