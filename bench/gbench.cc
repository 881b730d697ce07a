// SPDX-License-Identifier: Apache-2.0
//
// How it works: google-benchmark calls a bench with its State; here the State is handed to C as an
// opaque pointer. Items a second are counted by what gbench_next was asked for.
#include "bench/gbench.h"

#include <benchmark/benchmark.h>

struct gbench {
    benchmark::State *state;
    int64_t items;
};

extern "C" void gbench_add_args(const char *name, void (*fn)(struct gbench *g), const int64_t *args,
                                int count)
{
    auto *bench = benchmark::RegisterBenchmark(name, [fn](benchmark::State &state) {
        struct gbench g = {&state, 0};

        fn(&g);
        state.SetItemsProcessed(g.items);
    });
    for (int i = 0; i < count; i++)
        bench->Arg(args[i]);
}

extern "C" void gbench_add(const char *name, void (*fn)(struct gbench *g))
{
    gbench_add_args(name, fn, nullptr, 0);
}

extern "C" bool gbench_next(struct gbench *g, int64_t batch)
{
    if (!g->state->KeepRunningBatch(batch))
        return false;
    g->items += batch;
    return true;
}

extern "C" int64_t gbench_arg(const struct gbench *g)
{
    return g->state->range(0);
}

extern "C" void gbench_fail(struct gbench *g, const char *why)
{
    g->state->SkipWithError(why);
}

extern "C" int gbench_main(int argc, char **argv)
{
    benchmark::Initialize(&argc, argv);
    if (benchmark::ReportUnrecognizedArguments(argc, argv))
        return 1;
    benchmark::RunSpecifiedBenchmarks();
    benchmark::Shutdown();
    return 0;
}
