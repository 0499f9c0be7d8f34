#pragma once
// What a process that holds keys does before anything else.

namespace keyfob::node {

/// No core dumps, not ptraceable, umask 077, OpenSSL's secure heap, locked memory (best effort: RLIMIT_MEMLOCK may
/// forbid it). SIGPIPE and SIGXFSZ are
/// ignored: a closed pipe and a full disk are errors, not the end. Call once, before any thread and before any key.
void harden_process();

}  // namespace keyfob::node
