// Part of a stream's past, for the same writers of lists: from one date up to another. Pure.
#pragma once

#include <memory>

#include "manifest/clip/clip_query.hpp"
#include "offering.hpp"

namespace millrace::packaging {

// all: with the past (dvr_offering.hpp). clip: dates, since 1970. Whole segments, those that have something
// of it, under their names and numbers. It has ended once there is something behind it, and long so
// (Listing::long_ended) once the stream is kEndToldTargets further; before that it goes on with the stream.
// nullptr: nothing is listed of it.
std::shared_ptr<const Offering> dvr_clip(const Offering& all, const manifest::Clip& clip);

}  // namespace millrace::packaging
