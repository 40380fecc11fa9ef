// What ThreadSanitizer cannot see: libzmq, CAF and Pistache are built without it, so that their own
// synchronisation (lock-free queues between their threads) looks like none. Everything of ours stays checked,
// for Pistache by naming the two functions that hand connections over. Linked into every program of a TSan
// build.
extern "C" const char* __tsan_default_suppressions();  // NOLINT(bugprone-reserved-identifier)

extern "C" const char* __tsan_default_suppressions() {  // NOLINT(bugprone-reserved-identifier)
  return "called_from_lib:libzmq.so.5\n"
         "race:libzmq.so.5\n"
         "called_from_lib:libcaf_core.so\n"
         "race:libcaf_core.so\n"
         "race:Pistache::Tcp::Listener::handleNewConnection\n"
         "race:Pistache::Tcp::Transport::removePeer\n";
}
