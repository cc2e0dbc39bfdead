// npm run bench: Barge beside Debian's Docker and Podman and bare crun, in one run, as a table with ratios.
// npm run bench registry: the registry beside Debian's docker-registry.
// npm run bench pull: pulls and pushes beside Debian's Docker and containerd.
// npm run bench load: from an archive to a container, beside Debian's Docker.
// npm run bench scale -- --count 3000: what so many running containers cost, and restarts of daemon and shim under them.
// npm run bench network: published ports, many containers on a network, many ports.
// npm run bench soak [CYCLES]: what daemon and shim hold over 10,000 cycles of mixed work.
// npm run bench flushes: disk flushes that programs with fsync cause, beside Debian's Docker.
import { spawnSync } from "node:child_process"
import { build } from "./build.mjs"
import { ensurePackages } from "./packages.mjs"
import { bun, onPath, root } from "./tools.mjs"

const [first, ...rest] = process.argv.slice(2)
ensurePackages(first === "network" ? { iperf3: { met: () => onPath("iperf3"), apt: "iperf3" } } : {})
build()
const what = ["registry", "pull", "load", "network", "scale", "soak", "flushes"].includes(first)
  ? [`bench/${first}.ts`, ...rest]
  : ["bench/main.ts", ...process.argv.slice(2)]
const result = spawnSync(bun(), what, { cwd: root, stdio: "inherit" })
process.exit(result.status ?? 1)
