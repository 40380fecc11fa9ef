#include "runtime/detached_thread.hpp"

#include <openssl/crypto.h>

namespace millrace::runtime {

DetachedThread::~DetachedThread() {
  OPENSSL_thread_stop();
}

}  // namespace millrace::runtime
