// StartForward, StopForward and ListForwards of the bus.
#pragma once

#include "bus/node.hpp"
#include "forward/forwards.hpp"

namespace millrace::ingest {

// False: the request is another one. Any thread.
bool answer_forward_command(const bus::v1::Request& request, const bus::Responder& respond,
                            Forwards& forwards);

}  // namespace millrace::ingest
