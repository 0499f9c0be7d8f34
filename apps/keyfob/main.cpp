#include "apps/keyfob/program.hpp"

int main(int argc, char** argv) { return keyfob::cli::run(argc, argv); }
