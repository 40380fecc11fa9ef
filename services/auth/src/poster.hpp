// How an answer from another thread comes back to the part that asked: the task runs on the database actor's
// thread, with the part that is there then, which after a crash is another one. Any thread.
#pragma once

#include <functional>

namespace millrace::auth {

template <class Part>
using Poster = std::function<void(std::function<void(Part&)>)>;

}  // namespace millrace::auth
