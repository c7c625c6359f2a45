#pragma once

#include <random>

#include "mip/reply.h"
#include "mip/request.h"

/// Messages drawn from everything a request and a reply can say, the same for the same seed.
namespace homeward::mip::vectors {

using Random = std::mt19937;

TrafficSelector random_selector(Random& random);
RegistrationRequest random_request(Random& random);
RegistrationReply random_reply(Random& random);

}  // namespace homeward::mip::vectors
