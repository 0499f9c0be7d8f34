#pragma once
// What a process that holds keys does before anything else.

namespace keyfob::node {

/// No core dumps, not ptraceable, umask 077, OpenSSL's secure heap, locked memory (best effort: RLIMIT_MEMLOCK may
/// forbid it). SIGPIPE and SIGXFSZ are ignored: a closed pipe and a full disk are errors, not the end. An exception
/// that nobody catches ends the process with one line that quotes nothing of it. Call once, before any thread and
/// before any key.
void harden_process();

/// For a daemon, before its first thread: whatever starts it, this process and its children never get more rights than
/// they have (no_new_privs), and of the capabilities only CAP_NET_BIND_SERVICE stays. Started by root it is then a user
/// like any other who owns root's files.
void give_up_privileges();

}  // namespace keyfob::node
