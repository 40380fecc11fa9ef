// The stream that a route's ":streamKey" names, for who may see it. A stream that is not the caller's does
// not exist for it: 404, as for an unknown name.
#pragma once

#include "auth/v1/auth.pb.h"
#include "call.hpp"
#include "metrics/v1/metrics.pb.h"
#include "policy/policy.hpp"
#include "stream_directory.hpp"

namespace millrace::api {

// A value, or the answer to give instead.
template <class T>
using OrAnswer = tl::expected<T, http::Response>;

http::Response unknown_stream();

// With its key, when the caller may do the operation to it.
OrAnswer<auth::v1::Stream> own_stream(const Call& call, const Context& context, policy::Operation operation);
// The caller's streams with their keys, oldest first.
OrAnswer<auth::v1::StreamList> own_streams(const Call& call, const Context& context);
// The stream that auth answers with, or "there is none".
OrAnswer<auth::v1::Stream> ask_for_stream(const Call& call, const Context& context, bus::v1::Request request);
// The same for a change: what was remembered of the stream is forgotten.
OrAnswer<auth::v1::Stream> change_stream(const Call& call, const Context& context, bus::v1::Request request);

// For public answers: a private stream only to its owner or by its key.
OrAnswer<StreamEntry> public_stream(const Call& call, const Context& context);
bool may_see(const Call& call, const StreamEntry& stream, std::string_view asked_by);
// A live stream in a list of all: what is not everybody's only to who may see it.
bool may_list(const Call& call, const Context& context, const metrics::v1::StreamMetrics& measured);

// For everybody when nobody in particular asks and the stream is nobody's secret, else for the caller alone.
http::Response public_response(const Call& call, const StreamEntry& stream, std::string text);

// The numbers of one stream, from the feed or, where that does not know it, from metrics; not live when
// metrics knows none.
OrAnswer<metrics::v1::StreamMetrics> numbers_of(std::string_view stream_id, const Call& call,
                                                const Context& context);
// Of all live streams; metrics is asked only while the feed is silent.
OrAnswer<metrics::v1::MetricsReply> all_numbers(const Call& call, const Context& context);

}  // namespace millrace::api
