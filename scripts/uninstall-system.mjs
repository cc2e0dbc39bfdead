// npm run uninstall-system: the opposite of install-system. Data in /var/lib/barge stay.
import { existsSync, rmSync } from "node:fs"
import { completions, program, units } from "./system-files.mjs"
import { run, say } from "./tools.mjs"

if (existsSync("/run/systemd/system") && units.some((path) => existsSync(path))) {
  run("systemctl", ["disable", "--now", "barge.socket", "barge.service"])
}
for (const path of [...units, ...Object.values(completions), program]) {
  if (!existsSync(path)) continue
  rmSync(path)
  say(`Removed ${path}`)
}
if (existsSync("/run/systemd/system")) run("systemctl", ["daemon-reload"])
console.log(
  "Images, containers and volumes are still in /var/lib/barge; remove that directory when they are not wanted.",
)
