// What the SDK of Solo.io offers of the program of .ci/gosdk.d/conformance: it is the oldest one, reads no configuration (it gives the size's
// number for an address), and has no function that works for shared data, queues, properties that are set, and foreign functions.
export * from "@solo-io/proxy-runtime/proxy";
import {
  BaseContext,
  Context,
  continue_request,
  Counter,
  FilterDataStatusValues,
  FilterHeadersStatusValues,
  FilterTrailersStatusValues,
  GrpcStatusValues,
  HeaderPair,
  Headers,
  Histogram,
  log,
  LogLevelValues,
  registerRootContext,
  RootContext,
  send_local_response,
  stream_context,
} from "@solo-io/proxy-runtime";
import { BufferTypeValues, get_buffer_bytes, get_property } from "@solo-io/proxy-runtime/runtime";

const everything: u32 = 0x7fffffff;

function say(line: string): void {
  log(LogLevelValues.info, line);
}

function text(data: ArrayBuffer): string {
  return String.UTF8.decode(data);
}

function list(fields: Headers): string {
  const words: string[] = [];
  for (let i = 0; i < fields.length; i++) {
    words.push(text(fields[i].key) + "=" + text(fields[i].value));
  }
  return words.join(" ");
}

function pair(key: string, value: string): HeaderPair {
  return new HeaderPair(String.UTF8.encode(key), String.UTF8.encode(value));
}

class Root extends RootContext {
  onStart(size: usize): bool {
    say("vm_start " + text(get_buffer_bytes(BufferTypeValues.VmConfiguration, 0, size as u32)) + " 0");
    return true;
  }

  onConfigure(size: u32): bool {
    say("configure " + text(get_buffer_bytes(BufferTypeValues.PluginConfiguration, 0, size)) + " 0");
    return true;
  }

  createContext(id: u32): Context {
    say("context_create");
    return new Stream(id, this);
  }
}

class Stream extends Context {
  trailers: bool = false; // the request is that of the scenario with trailers

  onRequestHeaders(fields: u32, end: bool): FilterHeadersStatusValues {
    say("request_headers " + fields.toString() + " " + (end ? "true" : "false"));
    say("fields " + list(stream_context.headers.request.get_headers()));
    if (stream_context.headers.request.get("x-deny") != "") {
      say("answer " + send_local_response(403, "", String.UTF8.encode("not you"), [pair("x-why", "because")], GrpcStatusValues.InvalidCode).toString());
      return FilterHeadersStatusValues.StopIteration;
    }
    if (stream_context.headers.request.get("x-trailers") != "") {
      this.trailers = true;
      return FilterHeadersStatusValues.Continue;
    }
    say("x-tag " + stream_context.headers.request.get("X-TAG"));
    stream_context.headers.request.add("x-added", "1");
    stream_context.headers.request.add("x-tag", "c");
    stream_context.headers.request.replace("x-replaced", "ä");
    stream_context.headers.request.remove("x-removed");
    stream_context.headers.request.remove("x-absent");
    say("fields " + list(stream_context.headers.request.get_headers()));
    say("property plugin_name " + text(get_property("plugin_name")));
    say("property request.method " + text(get_property("request\0method")));
    const counter = new Counter("conformance_counter");
    counter.increment(2);
    counter.increment(3);
    const histogram = new Histogram("conformance_histogram");
    histogram.record(histogram.metric_id, 7);
    const call: Headers = [pair(":method", "POST"), pair(":path", "/call"), pair(":authority", "service"), pair("x-from", "guest")];
    say("call service " + this.root_context.httpCall("service", call, String.UTF8.encode("ping"), [], 5000, this,
      (origin: Context, fields: u32, size: usize, trailers: u32) => {
        say("http_call_response " + fields.toString() + " " + size.toString() + " " + trailers.toString());
        say("fields of the answer " + list(stream_context.headers.http_callback.get_headers()));
        say("body of the answer " + text(get_buffer_bytes(BufferTypeValues.HttpCallResponseBody, 0, everything)) + " 0");
        say("trailers of the answer " + list(stream_context.trailers.http_callback.get_headers()));
        stream_context.headers.request.add("x-called", "1");
        say("continue " + continue_request().toString());
      }).toString());
    return FilterHeadersStatusValues.StopIteration;
  }

  onRequestBody(size: usize, end: bool): FilterDataStatusValues {
    say("request_body " + size.toString() + " " + (end ? "true" : "false"));
    say("body " + text(get_buffer_bytes(BufferTypeValues.HttpRequestBody, 0, size as u32)) + " 0");
    if (this.trailers) {
      return end ? FilterDataStatusValues.Continue : FilterDataStatusValues.StopIterationAndBuffer;
    }
    say("part of the body " + text(get_buffer_bytes(BufferTypeValues.HttpRequestBody, 1, 3)) + " 0");
    return FilterDataStatusValues.Continue;
  }

  onResponseHeaders(fields: u32, end: bool): FilterHeadersStatusValues {
    say("response_headers " + fields.toString() + " " + (end ? "true" : "false"));
    say("fields " + list(stream_context.headers.response.get_headers()));
    if (this.trailers) {
      say("trailers of the request " + list(stream_context.trailers.request.get_headers()));
      return FilterHeadersStatusValues.Continue;
    }
    stream_context.headers.response.add("x-all", "1"); // set_headers does not compile
    say("status " + stream_context.headers.response.get(":status") + " 0");
    return FilterHeadersStatusValues.Continue;
  }

  onResponseBody(size: usize, end: bool): FilterDataStatusValues {
    say("response_body " + size.toString() + " " + (end ? "true" : "false"));
    say("body " + text(get_buffer_bytes(BufferTypeValues.HttpResponseBody, 0, everything)) + " 0");
    return FilterDataStatusValues.Continue;
  }

  // The body of the request is held until here, that of the response has gone on.

  onRequestTrailers(fields: u32): FilterTrailersStatusValues {
    say("request_trailers " + fields.toString());
    say("fields " + list(stream_context.trailers.request.get_headers()));
    say("x-tag " + stream_context.trailers.request.get("X-TAG"));
    stream_context.trailers.request.add("x-added", "1");
    stream_context.trailers.request.add("x-tag", "c");
    stream_context.trailers.request.replace("x-replaced", "ä");
    stream_context.trailers.request.remove("x-removed");
    stream_context.trailers.request.remove("x-absent");
    say("fields " + list(stream_context.trailers.request.get_headers()));
    say("body " + text(get_buffer_bytes(BufferTypeValues.HttpRequestBody, 0, everything)) + " 0");
    return FilterTrailersStatusValues.Continue;
  }

  onResponseTrailers(fields: u32): FilterTrailersStatusValues {
    say("response_trailers " + fields.toString());
    say("fields " + list(stream_context.trailers.response.get_headers()));
    stream_context.trailers.response.add("x-all", "1");
    say("fields " + list(stream_context.trailers.response.get_headers()));
    return FilterTrailersStatusValues.Continue;
  }

  onDone(): bool {
    say("done");
    return true;
  }

  onLog(): void {
    say("log");
    stream_context.headers.request.add("x", "y"); // too late, of which nothing is said
    say("method " + stream_context.headers.request.get(":method") + " 0");
    if (this.trailers) {
      say("trailers of the request " + list(stream_context.trailers.request.get_headers()));
      say("trailers of the response " + list(stream_context.trailers.response.get_headers()));
    }
  }

  onDelete(): void {
    say("delete");
  }
}

registerRootContext((id: u32) => { return new Root(id); }, "conformance");
