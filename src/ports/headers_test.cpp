// Every port header stands on its own.
#include "ports/clock.hpp"
#include "ports/directory_store.hpp"
#include "ports/event_sink.hpp"
#include "ports/grant_store.hpp"
#include "ports/key_provider.hpp"
#include "ports/spool.hpp"
#include "ports/token_endpoint.hpp"
#include "ports/token_source.hpp"
