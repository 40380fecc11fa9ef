// What packaging and transcoding say to each other on the bus. Pure.
#pragma once

#include <memory>

#include "bus/v1/bus.pb.h"
#include "rendition_demand.hpp"
#include "rendition_plan.hpp"

namespace millrace::packaging {

// Renditions whose name or configuration is none are left out.
std::shared_ptr<const RenditionPlan> plan_of(const transcoding::v1::RenditionsPlanned& said);
bus::v1::Event wanted_event(const RenditionDemand::Watched& watched);

}  // namespace millrace::packaging
