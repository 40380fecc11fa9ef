// Pistache queues answers by descriptor number: when a number is reused by the next connection, an old answer
// goes to the wrong client. So the connections it accepts get rolling high numbers that are not reused soon.
// The linker routes every accept4 of the program through the wrapper (-Wl,--wrap=accept4); only threads that
// asked for it are affected.
#pragma once

namespace millrace::api {

// While it lives, accept4 of the calling thread returns rolling descriptor numbers.
class AcceptGuard {
 public:
  AcceptGuard();
  ~AcceptGuard();
  AcceptGuard(const AcceptGuard&) = delete;
  AcceptGuard& operator=(const AcceptGuard&) = delete;
};

}  // namespace millrace::api
