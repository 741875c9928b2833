// The program of .ci/gosdk.d/conformance in AssemblyScript, with the SDK of Gcore. Its log goes to standard output, with the level before each line.
export * from "@gcoredev/proxy-wasm-sdk-as/assembly/proxy";
import {
  BaseContext,
  BufferTypeValues,
  Context,
  continue_request,
  Counter,
  define_metric,
  dequeue_shared_queue,
  enqueue_shared_queue,
  FilterDataStatusValues,
  FilterHeadersStatusValues,
  FilterStatusValues,
  FilterTrailersStatusValues,
  Gauge,
  get_buffer_bytes,
  get_current_time_nanoseconds,
  get_shared_data,
  globalArrayBufferReference,
  Headers,
  Histogram,
  log,
  LogLevelValues,
  makeHeaderPair,
  PeerTypeValues,
  register_shared_queue,
  registerRootContext,
  resolve_shared_queue,
  RootContext,
  send_http_response,
  set_buffer_bytes,
  set_property,
  set_shared_data,
  set_tick_period_milliseconds,
  stream_context,
} from "@gcoredev/proxy-wasm-sdk-as/assembly/runtime";
import * as imports from "@gcoredev/proxy-wasm-sdk-as/assembly/imports";

const everything: u32 = 0x7fffffff;

function say(line: string): void {
  log(LogLevelValues.info, line);
}

function text(data: ArrayBuffer): string {
  return String.UTF8.decode(data);
}

function bytes(data: string): ArrayBuffer {
  return String.UTF8.encode(data);
}

function list(fields: Headers): string {
  const words: string[] = [];
  for (let i = 0; i < fields.length; i++) {
    words.push(text(fields[i].key) + "=" + text(fields[i].value));
  }
  return words.join(" ");
}

// The SDK's own functions for these give no status, or not the value.

function header(type: i32, key: string, value: string, add: bool): string {
  const k = bytes(key);
  const v = bytes(value);
  const status = add
    ? imports.proxy_add_header_map_value(type, changetype<usize>(k), k.byteLength, changetype<usize>(v), v.byteLength)
    : imports.proxy_replace_header_map_value(type, changetype<usize>(k), k.byteLength, changetype<usize>(v), v.byteLength);
  return status.toString();
}

function remove(type: i32, key: string): string {
  const k = bytes(key);
  return imports.proxy_remove_header_map_value(type, changetype<usize>(k), k.byteLength).toString();
}

function property(path: string, shown: string): void {
  const p = bytes(path);
  const status = imports.proxy_get_property(
    changetype<usize>(p), p.byteLength, globalArrayBufferReference.bufferPtr(), globalArrayBufferReference.sizePtr());
  say("property " + shown + " " + status.toString() + (status == 0 ? " " + text(globalArrayBufferReference.toArrayBuffer()) : ""));
}

function metric(id: u32): string {
  const place = new ArrayBuffer(8);
  imports.proxy_get_metric(id, changetype<usize>(place));
  return load<i64>(changetype<usize>(place)).toString();
}

// edit changes fields of a map.
function edit(type: i32): void {
  const absent = bytes("x-absent");
  say("x-absent " + imports.proxy_get_header_map_value(
    type, changetype<usize>(absent), absent.byteLength, globalArrayBufferReference.bufferPtr(), globalArrayBufferReference.sizePtr()).toString());
  say("add " + header(type, "x-added", "1", true));
  say("add " + header(type, "x-tag", "c", true));
  say("replace " + header(type, "x-replaced", "ä", false));
  say("remove " + remove(type, "x-removed"));
  say("remove " + remove(type, "x-absent"));
}

class Root extends RootContext {
  queue: u32 = 0;
  ticked: bool = false;

  onStart(size: usize): bool {
    say("vm_start " + text(get_buffer_bytes(BufferTypeValues.VmConfiguration, 0, size as u32)) + " 0");
    return true;
  }

  onConfigure(size: u32): bool {
    super.onConfigure(size);
    say("configure " + this.getConfiguration() + " 0");
    if (this.getConfiguration() == "service") {
      const queue = register_shared_queue("jobs");
      this.queue = queue.token;
      say("register " + queue.result.toString());
      say("tick every 1 " + imports.proxy_set_tick_period_milliseconds(1).toString());
    }
    return true;
  }

  onTick(): void {
    if (this.ticked) {
      return;
    }
    this.ticked = true;
    say("tick");
    say("tick never " + imports.proxy_set_tick_period_milliseconds(0).toString());
    say("resolve nobody's " + resolve_shared_queue("nobody", "jobs").result.toString());
    const queue = resolve_shared_queue("", "jobs");
    say("resolve " + queue.result.toString() + " " + (queue.token == this.queue).toString());
    say("enqueue at 4711 " + enqueue_shared_queue(4711, bytes("job")).toString());
    say("enqueue " + enqueue_shared_queue(queue.token, bytes("job")).toString());
  }

  onQueueReady(queue: u32): void {
    say("queue_ready " + (queue == this.queue).toString());
    let item = dequeue_shared_queue(queue);
    say("dequeue " + text(item.data as ArrayBuffer) + " " + item.result.toString());
    item = dequeue_shared_queue(queue);
    say("dequeue " + item.result.toString());
    dispatch(this, this, "nobody", (origin: BaseContext, fields: u32, size: usize, trailers: u32) => {});
    dispatch(this, this, "service", (origin: BaseContext, fields: u32, size: usize, trailers: u32) => {
      answer(fields, size, trailers);
      dispatch(origin as Root, origin, "closed", (origin: BaseContext, fields: u32, size: usize, trailers: u32) => {
        say("http_call_response " + fields.toString() + " " + size.toString() + " " + trailers.toString());
      });
    });
  }

  createContext(id: u32): Context {
    say("context_create");
    return new Stream(id, this);
  }
}

function dispatch(
  root: RootContext, origin: BaseContext, name: string,
  then: (origin: BaseContext, fields: u32, size: usize, trailers: u32) => void,
): void {
  const fields: Headers = [
    makeHeaderPair(":method", "POST"), makeHeaderPair(":path", "/call"), makeHeaderPair(":authority", "service"), makeHeaderPair("x-from", "guest"),
  ];
  say("call " + name + " " + root.httpCall(name, fields, bytes("ping"), [], 5000, origin, then).toString());
}

function answer(fields: u32, size: usize, trailers: u32): void {
  say("http_call_response " + fields.toString() + " " + size.toString() + " " + trailers.toString());
  say("fields of the answer " + list(stream_context.headers.http_callback.get_headers()));
  say("body of the answer " + text(get_buffer_bytes(BufferTypeValues.HttpCallResponseBody, 0, everything)) + " 0");
  say("trailers of the answer " + list(stream_context.trailers.http_callback.get_headers()));
}

class Stream extends Context {
  role(): string {
    return this.root_context.getConfiguration();
  }

  onRequestHeaders(fields: u32, end: bool): FilterHeadersStatusValues {
    say("request_headers " + fields.toString() + " " + end.toString());
    say("fields " + list(stream_context.headers.request.get_headers()));
    if (this.role() == "deny") {
      say("answer " + send_http_response(403, "", bytes("not you"), [makeHeaderPair("x-why", "because")]).toString());
      return FilterHeadersStatusValues.StopIteration;
    }
    if (this.role() == "trailers") {
      return FilterHeadersStatusValues.Continue;
    }
    say("x-tag " + stream_context.headers.request.get("X-TAG"));
    edit(0);
    say("fields " + list(stream_context.headers.request.get_headers()));
    say("add to the response " + header(2, "x", "y", true));
    this.properties();
    this.shared();
    this.metrics();
    const name = bytes("compress");
    const hello = bytes("hello");
    let status = imports.proxy_call_foreign_function(
      changetype<usize>(name), name.byteLength, changetype<usize>(hello), hello.byteLength,
      globalArrayBufferReference.bufferPtr(), globalArrayBufferReference.sizePtr());
    say("compress " + status.toString() + " " + load<u8>(changetype<usize>(globalArrayBufferReference.toArrayBuffer())).toString());
    const nobody = bytes("nobody");
    status = imports.proxy_call_foreign_function(
      changetype<usize>(nobody), nobody.byteLength, 0, 0, globalArrayBufferReference.bufferPtr(), globalArrayBufferReference.sizePtr());
    say("nobody " + status.toString());
    dispatch(this.root_context, this, "service", (origin: BaseContext, fields: u32, size: usize, trailers: u32) => {
      answer(fields, size, trailers);
      say("add " + header(0, "x-called", "1", true));
      say("continue " + continue_request().toString());
    });
    return FilterHeadersStatusValues.StopIteration;
  }

  properties(): void {
    property("plugin_name", "plugin_name");
    property("plugin_root_id", "plugin_root_id");
    property("request\0method", "request.method");
    property("request\0url_path", "request.url_path");
    property("docker\0operation", "docker.operation");
    property("nothing\0here", "nothing.here");
    say("set property " + set_property("my\0own", bytes("value")).toString());
    property("my\0own", "my.own");
  }

  shared(): void {
    say("get " + get_shared_data("key").result.toString());
    say("set " + set_shared_data("key", bytes("one")).toString());
    const one = get_shared_data("key");
    say("get " + one.result.toString() + " " + text(one.value as ArrayBuffer));
    say("set " + set_shared_data("key", bytes("two"), one.cas).toString());
    say("set " + set_shared_data("key", bytes("three"), one.cas).toString());
    const two = get_shared_data("key");
    say("get " + two.result.toString() + " " + text(two.value as ArrayBuffer));
  }

  metrics(): void {
    const counter = new Counter("conformance_counter");
    counter.increment(2);
    counter.increment(3);
    say("counter " + metric(counter.metric_id));
    const gauge = new Gauge("conformance_gauge");
    gauge.increment(10);
    gauge.increment(-3);
    say("gauge " + metric(gauge.metric_id));
    const histogram = new Histogram("conformance_histogram");
    histogram.record(histogram.metric_id, 7);
  }

  onRequestBody(size: usize, end: bool): FilterDataStatusValues {
    say("request_body " + size.toString() + " " + end.toString());
    say("body " + text(get_buffer_bytes(BufferTypeValues.HttpRequestBody, 0, size as u32)) + " 0");
    if (this.role() == "trailers") {
      return end ? FilterDataStatusValues.Continue : FilterDataStatusValues.StopIterationAndBuffer;
    }
    say("part of the body " + text(get_buffer_bytes(BufferTypeValues.HttpRequestBody, 1, 3)) + " 0");
    say("replace " + set_buffer_bytes(BufferTypeValues.HttpRequestBody, 0, everything, bytes("other")).toString());
    say("append " + set_buffer_bytes(BufferTypeValues.HttpRequestBody, everything, 0, bytes("!")).toString());
    say("prepend " + set_buffer_bytes(BufferTypeValues.HttpRequestBody, 0, 0, bytes("an")).toString());
    say("body " + text(get_buffer_bytes(BufferTypeValues.HttpRequestBody, 0, everything)) + " 0");
    return FilterDataStatusValues.Continue;
  }

  onResponseHeaders(fields: u32, end: bool): FilterHeadersStatusValues {
    say("response_headers " + fields.toString() + " " + end.toString());
    const all = stream_context.headers.response.get_headers();
    say("fields " + list(all));
    if (this.role() == "deny") {
      return FilterHeadersStatusValues.Continue;
    }
    if (this.role() == "trailers") {
      say("trailers of the request " + list(stream_context.trailers.request.get_headers()));
      return FilterHeadersStatusValues.Continue;
    }
    all.push(makeHeaderPair("x-all", "1"));
    stream_context.headers.response.set_headers(all); // aborts where the status is not OK
    say("set all 0");
    say("status " + stream_context.headers.response.get(":status") + " 0");
    say("add to the request " + header(0, "x", "y", true));
    return FilterHeadersStatusValues.Continue;
  }

  onResponseBody(size: usize, end: bool): FilterDataStatusValues {
    say("response_body " + size.toString() + " " + end.toString());
    if (this.role() == "deny") {
      return FilterDataStatusValues.Continue;
    }
    say("body " + text(get_buffer_bytes(BufferTypeValues.HttpResponseBody, 0, everything)) + " 0");
    if (this.role() == "trailers") {
      return FilterDataStatusValues.Continue;
    }
    say("replace " + set_buffer_bytes(BufferTypeValues.HttpResponseBody, 0, everything, bytes("bye")).toString());
    return FilterDataStatusValues.Continue;
  }

  // The body of the request is held until here, that of the response has gone on.

  onRequestTrailers(fields: u32): FilterTrailersStatusValues {
    say("request_trailers " + fields.toString());
    say("fields " + list(stream_context.trailers.request.get_headers()));
    say("x-tag " + stream_context.trailers.request.get("X-TAG"));
    edit(1);
    say("fields " + list(stream_context.trailers.request.get_headers()));
    say("body " + text(get_buffer_bytes(BufferTypeValues.HttpRequestBody, 0, everything)) + " 0");
    say("replace " + set_buffer_bytes(BufferTypeValues.HttpRequestBody, 0, everything, bytes("other")).toString());
    say("add to the response " + header(3, "x", "y", true));
    return FilterTrailersStatusValues.Continue;
  }

  onResponseTrailers(fields: u32): FilterTrailersStatusValues {
    say("response_trailers " + fields.toString());
    const all = stream_context.trailers.response.get_headers();
    say("fields " + list(all));
    all.push(makeHeaderPair("x-all", "1"));
    stream_context.trailers.response.set_headers(all);
    say("set all 0");
    say("fields " + list(stream_context.trailers.response.get_headers()));
    say("body  " + imports.proxy_get_buffer_bytes(
      BufferTypeValues.HttpResponseBody, 0, everything, globalArrayBufferReference.bufferPtr(), globalArrayBufferReference.sizePtr()).toString());
    say("add to the request " + header(1, "x", "y", true));
    return FilterTrailersStatusValues.Continue;
  }

  onNewConnection(): FilterStatusValues {
    say("new_connection");
    return FilterStatusValues.Continue;
  }

  onDownstreamData(size: usize, end: bool): FilterStatusValues {
    say("downstream_data " + size.toString() + " " + end.toString());
    if (size > 0) {
      say("data " + text(get_buffer_bytes(BufferTypeValues.NetworkDownstreamData, 0, everything)) + " 0");
      say("replace " + set_buffer_bytes(BufferTypeValues.NetworkDownstreamData, 0, everything, bytes("changed")).toString());
    }
    return FilterStatusValues.Continue;
  }

  onUpstreamData(size: usize, end: bool): FilterStatusValues {
    say("upstream_data " + size.toString() + " " + end.toString());
    if (size > 0) {
      say("data " + text(get_buffer_bytes(BufferTypeValues.NetworkUpstreamData, 0, everything)) + " 0");
    }
    return FilterStatusValues.Continue;
  }

  onDownstreamConnectionClose(peer: PeerTypeValues): void {
    say("downstream_connection_close " + peer.toString());
  }

  onUpstreamConnectionClose(peer: PeerTypeValues): void {
    say("upstream_connection_close " + peer.toString());
  }

  onDone(): bool {
    say("done");
    return true;
  }

  onLog(): void {
    say("log");
    if (this.role() == "connection") {
      return;
    }
    say("method " + stream_context.headers.request.get(":method") + " 0");
    if (this.role() == "trailers") {
      say("trailers of the request " + list(stream_context.trailers.request.get_headers()));
      say("trailers of the response " + list(stream_context.trailers.response.get_headers()));
    }
    say("add " + header(0, "x", "y", true));
  }

  onDelete(): void {
    say("delete");
  }
}

registerRootContext((id: u32) => new Root(id), "conformance");
