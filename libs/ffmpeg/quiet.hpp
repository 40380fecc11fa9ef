// What libav and the encoders below it say by themselves goes to standard error, which belongs to the log.
#pragma once

namespace millrace::ffmpeg {

// From here on they say nothing: what goes wrong is in the errors. Once, at start, before other threads.
void quiet();

}  // namespace millrace::ffmpeg
