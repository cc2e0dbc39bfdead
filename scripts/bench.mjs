// npm run bench: Barge beside Debian's Docker and Podman and bare crun, in one run, as a table with ratios.
import { spawnSync } from "node:child_process"
import { build } from "./build.mjs"
import { ensurePackages } from "./packages.mjs"
import { bun, root } from "./tools.mjs"

ensurePackages()
build()
const result = spawnSync(bun(), ["bench/main.ts", ...process.argv.slice(2)], { cwd: root, stdio: "inherit" })
process.exit(result.status ?? 1)
