import { readFileSync, statSync } from "node:fs"
import { type CgroupHost, detectCgroups } from "./cgroup.ts"

/** Where distributions mount control groups, and where runtimes look for them. */
const usualPlaces = ["/sys/fs/cgroup", "/sys/fs/cgroup/unified"]

/**
 * The control groups of this host at any moment: a hierarchy may be mounted, and controllers may move from one to another, while a
 * daemon runs. Whether something has changed costs three system calls; the mount table, which is long where many containers run, is read
 * only then.
 */
export class HostCgroups {
  readonly #changed: (host: CgroupHost) => void
  #seen = fingerprint()
  #host = detectCgroups()

  /** @param changed told of what there is now, when it is another thing than before */
  constructor(changed: (host: CgroupHost) => void = () => {}) {
    this.#changed = changed
  }

  current(): CgroupHost {
    const now = fingerprint()
    if (now === this.#seen) return this.#host
    this.#seen = now
    this.#host = detectCgroups()
    this.#changed(this.#host)
    return this.#host
  }
}

/** Which hierarchy has which controller, and which file systems lie at the usual places. */
function fingerprint(): string {
  const deviceOf = (path: string) => statSync(path, { throwIfNoEntry: false })?.dev
  return `${controllers()} ${usualPlaces.map(deviceOf).join(" ")}`
}

function controllers(): string {
  try {
    // The number of groups changes with every container.
    return readFileSync("/proc/cgroups", "utf8").replace(/^(\w+\t\d+)\t\d+/gm, "$1")
  } catch {
    return ""
  }
}
