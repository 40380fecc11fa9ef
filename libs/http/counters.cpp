#include "http/counters.hpp"

namespace millrace::http {

void Counters::count_response(int status) {
  Counter& counter = status >= 500   ? responses_5xx
                     : status >= 400 ? responses_4xx
                     : status >= 300 ? responses_3xx
                                     : responses_2xx;
  counter.fetch_add(1, std::memory_order_relaxed);
}

Statistics Counters::statistics() const {
  Statistics out;
  out.accepted = accepted;
  out.pending = pending;
  out.requests = requests;
  out.responses_2xx = responses_2xx;
  out.responses_3xx = responses_3xx;
  out.responses_4xx = responses_4xx;
  out.responses_5xx = responses_5xx;
  out.sent_bytes = sent_bytes;
  out.refused_connections = refused_connections;
  out.bad_requests = bad_requests;
  out.read_timeouts = read_timeouts;
  out.write_timeouts = write_timeouts;
  out.answer_timeouts = answer_timeouts;
  out.aborted = aborted;
  out.torn = torn;
  return out;
}

}  // namespace millrace::http
