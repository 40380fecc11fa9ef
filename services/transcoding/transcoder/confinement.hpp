// What a child may not do: libav decodes what strangers send.
#pragma once

#include <cstdint>

#include "base/result.hpp"

namespace millrace::transcoding {

// Of this process, for good. extra_bytes: address space beyond what is mapped now; 0: no limit. There are no
// core files in any case. "transcoding.confine".
Result<void> confine(std::uint64_t extra_bytes, int nice);

// Ends with the process that started it, as by SIGTERM; at once if that is gone already.
Result<void> end_with_parent();

// From here on no thread of the process can open a socket, start a program, look into another process or get
// rights it hasn't got: such calls return EPERM. "transcoding.confine": this kernel has no seccomp.
Result<void> refuse_system_calls();

}  // namespace millrace::transcoding
