// What a warp operation gives to each lane that takes part.
#pragma once

#include "contract.h"

namespace kjit_shim {

struct Request {
    Site site;
    Wait what;
    unsigned mask;
    unsigned long long value;
    int argument;
    int width;
};

inline bool is_barrier(Wait what) { return what <= Wait::BarrierOr; }

inline const char *name(Wait what) {
    static const char *const names[] = {
        "__syncthreads",     "__syncthreads_count", "__syncthreads_and",  "__syncthreads_or",  "__syncwarp",
        "__shfl_sync",       "__shfl_up_sync",      "__shfl_down_sync",   "__shfl_xor_sync",   "__ballot_sync",
        "__any_sync",        "__all_sync",          "__match_any_sync",   "__match_all_sync",  "__reduce_add_sync",
        "__reduce_min_sync", "__reduce_max_sync",   "__reduce_min_sync",  "__reduce_max_sync", "__reduce_and_sync",
        "__reduce_or_sync",  "__reduce_xor_sync",
    };
    return names[static_cast<int>(what)];
}

// A lane that a shuffle reads although it does not take part: any number, so one that is seldom right.
constexpr unsigned long long nobody = 0x7ff4dead7fa4deadull;

inline unsigned long long shuffled(const Request *requests, unsigned here, int lane) {
    const Request &own = requests[lane];
    const int width = own.width < 1 || own.width > 32 ? 32 : own.width;
    const int start = lane / width * width, end = start + width;
    int source = lane;
    switch (own.what) {
    case Wait::ShuffleUp:
        source = lane - own.argument < start ? lane : lane - own.argument;
        break;
    case Wait::ShuffleDown:
        source = lane + own.argument >= end ? lane : lane + own.argument;
        break;
    case Wait::ShuffleXor:
        source = (lane ^ own.argument) >= end ? lane : lane ^ own.argument;
        break;
    default:
        source = start + (own.argument & (width - 1));
    }
    return (here >> source) & 1u ? requests[source].value : nobody;
}

inline unsigned long long reduced(const Request *requests, unsigned here, Wait what) {
    bool is_first = true;
    unsigned total = 0;
    for (int lane = 0; lane < 32; lane++) {
        if (!((here >> lane) & 1u)) continue;
        const unsigned value = static_cast<unsigned>(requests[lane].value);
        const int total_signed = static_cast<int>(total), value_signed = static_cast<int>(value);
        if (is_first) {
            total = value;
            is_first = false;
            continue;
        }
        switch (what) {
        case Wait::ReduceAdd: total += value; break;
        case Wait::ReduceMinSigned: total = value_signed < total_signed ? value : total; break;
        case Wait::ReduceMaxSigned: total = value_signed > total_signed ? value : total; break;
        case Wait::ReduceMin: total = value < total ? value : total; break;
        case Wait::ReduceMax: total = value > total ? value : total; break;
        case Wait::ReduceAnd: total &= value; break;
        case Wait::ReduceOr: total |= value; break;
        default: total ^= value;
        }
    }
    return total;
}

inline unsigned long long answer(const Request *requests, unsigned here, int lane) {
    const Request &own = requests[lane];
    unsigned yes = 0, same = 0;
    for (int other = 0; other < 32; other++) {
        if (!((here >> other) & 1u)) continue;
        yes |= (requests[other].value != 0 ? 1u : 0u) << other;
        same |= (requests[other].value == own.value ? 1u : 0u) << other;
    }
    switch (own.what) {
    case Wait::Barrier:
    case Wait::BarrierCount:
    case Wait::BarrierAnd:
    case Wait::BarrierOr:
    case Wait::SyncWarp: return 0;
    case Wait::Shuffle:
    case Wait::ShuffleUp:
    case Wait::ShuffleDown:
    case Wait::ShuffleXor: return shuffled(requests, here, lane);
    case Wait::Ballot: return yes;
    case Wait::Any: return yes != 0;
    case Wait::All: return yes == here;
    case Wait::MatchAny: return same;
    case Wait::MatchAll: return same == here ? here : 0;
    case Wait::ReduceAdd:
    case Wait::ReduceMinSigned:
    case Wait::ReduceMaxSigned:
    case Wait::ReduceMin:
    case Wait::ReduceMax:
    case Wait::ReduceAnd:
    case Wait::ReduceOr:
    case Wait::ReduceXor: return reduced(requests, here, own.what);
    }
    return 0;
}

} // namespace kjit_shim
