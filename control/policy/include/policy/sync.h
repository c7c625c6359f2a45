#pragma once

#include "policy/sync_message.h"
#include "policy/sync_receiver.h"
#include "policy/sync_sender.h"
