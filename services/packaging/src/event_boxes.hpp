// Events as they stand in front of a fragment. Pure.
#pragma once

#include "base/bytes.hpp"
#include "segment.hpp"

namespace millrace::packaging {

// The emsg of a data record. timescale: of the track whose file it stands in. False: it says nothing to
// players, and nothing was written.
bool write_event(ByteWriter& writer, const EventPlace& place, const media::SampleRecord& record,
                 ByteView payload, std::uint32_t timescale);

}  // namespace millrace::packaging
