// npm run bench: Barge beside Debian's Docker and Podman and bare crun, in one run, as a table with ratios.
// npm run bench registry: the registry beside Debian's docker-registry.
// npm run bench pull: pulls and pushes beside Debian's Docker and containerd.
import { spawnSync } from "node:child_process"
import { build } from "./build.mjs"
import { ensurePackages } from "./packages.mjs"
import { bun, root } from "./tools.mjs"

ensurePackages()
build()
const [first, ...rest] = process.argv.slice(2)
const what = ["registry", "pull"].includes(first)
  ? [`bench/${first}.ts`, ...rest]
  : ["bench/main.ts", ...process.argv.slice(2)]
const result = spawnSync(bun(), what, { cwd: root, stdio: "inherit" })
process.exit(result.status ?? 1)
