// What ThreadSanitizer cannot see: libzmq, libsodium (which opens libzmq's CURVE boxes), CAF, gRPC with Abseil,
// FFmpeg (counted references) and Pistache are built without it, so that their own synchronisation between
// their threads looks like none. Everything of ours stays checked, for Pistache by naming the two functions
// that hand connections over. Linked into every program of a TSan build.
extern "C" const char* __tsan_default_suppressions();  // NOLINT(bugprone-reserved-identifier)

extern "C" const char* __tsan_default_suppressions() {  // NOLINT(bugprone-reserved-identifier)
  return "called_from_lib:libzmq.so.5\n"
         "race:libzmq.so.5\n"
         "called_from_lib:libsodium.so.23\n"
         "race:libsodium.so.23\n"
         "called_from_lib:libcaf_core.so\n"
         "race:libcaf_core.so\n"
         "called_from_lib:libgrpc.so.29\n"
         "race:libgrpc.so.29\n"
         "called_from_lib:libabsl_graphcycles_internal.so\n"
         "race:libabsl_graphcycles_internal.so\n"
         "called_from_lib:libavutil.so.57\n"
         "race:libavutil.so.57\n"
         "race:Pistache::Tcp::Listener::handleNewConnection\n"
         "race:Pistache::Tcp::Transport::removePeer\n";
}
