// For actors with a thread of their own (caf::detached).
#pragma once

namespace millrace::runtime {

// Frees what OpenSSL keeps for the thread it is destroyed in. CAF does not join the threads of detached
// actors: left to the thread's own end, this would race with the end of the process, and either be lost or
// come after OpenSSL has closed.
//
// The first member of a detached actor's state, so that it goes last, while CAF still waits for the actor.
// Owner: the actor. Thread: the actor's.
struct DetachedThread {
  DetachedThread() = default;
  ~DetachedThread();
  DetachedThread(const DetachedThread&) = delete;
  DetachedThread& operator=(const DetachedThread&) = delete;
};

}  // namespace millrace::runtime
