import { chmodSync, mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { reapingProgram } from "../../linux/syscall-program.ts"
import { buildSpec } from "../../runtime/spec/build.ts"
import type { SpecHost, SpecRequest } from "../../runtime/spec/contract.ts"
import type { LogConfig } from "../../shim/contract.ts"
import type { Scope } from "../scope.ts"
import type { TaskService } from "../tasks/contract.ts"

/** The owner of these tasks in their records. */
export const pidInitOwner = "sandboxes"

const noLog: LogConfig = { format: "none", path: "", maxSize: 0, maxFiles: 0 }

/** The first processes of sandboxes' PID namespaces: tasks that run a program of a few hundred bytes. */
export class PidInits {
  readonly #tasks: TaskService
  readonly #root: string
  readonly #host: SpecHost

  /** @param root a directory that is to hold the program, on a file system that programs can be executed from */
  constructor(tasks: TaskService, root: string, host: SpecHost) {
    this.#tasks = tasks
    this.#root = root
    this.#host = host
  }

  /** Starts the first process of a sandbox. */
  async start(scope: Scope, sandboxId: string, cgroupParent: string | undefined): Promise<void> {
    this.#writeProgram()
    await this.#tasks.run(scope, {
      owner: pidInitOwner,
      containerId: taskOf(sandboxId),
      rootfs: this.#root,
      spec: (root) => buildSpec(request, this.#host, root),
      ephemeral: true,
      ...(cgroupParent ? { cgroupParent } : {}),
      io: { terminal: false, stdin: false, stdinOnce: false },
      log: noLog,
    })
  }

  /** The file of a sandbox's PID namespace; undefined when its first process has ended. */
  namespace(scope: Scope, sandboxId: string): string | undefined {
    const task = this.#tasks.find(scope, taskOf(sandboxId))
    return task && task.status !== "stopped" ? `/proc/${task.pid}/ns/pid` : undefined
  }

  /** Ends a sandbox's PID namespace, with everything in it. Idempotent. */
  async end(scope: Scope, sandboxId: string): Promise<void> {
    const id = taskOf(sandboxId)
    const task = this.#tasks.find(scope, id)
    if (!task) return
    if (task.status !== "stopped") {
      await this.#tasks.kill(scope, id, 9).catch(() => {})
      await this.#tasks.wait(scope, id)
    }
    await this.#tasks.delete(scope, id)
  }

  /** The sandboxes that have such a process, or had. */
  all(): { readonly namespace: string; readonly sandboxId: string }[] {
    return this.#tasks
      .owned(pidInitOwner)
      .map(({ namespace, containerId }) => ({ namespace, sandboxId: containerId.slice(0, -suffix.length) }))
  }

  /** Never changed while a process runs it. */
  #writeProgram(): void {
    const program = reapingProgram()
    const path = join(this.#root, "init")
    if (fileText(path)?.equals(program)) return
    mkdirSync(this.#root, { recursive: true, mode: 0o755 })
    writeFileSync(`${path}.new`, program)
    chmodSync(`${path}.new`, 0o755)
    renameSync(`${path}.new`, path)
  }
}

const suffix = "-init"
const taskOf = (sandboxId: string): string => `${sandboxId}${suffix}`

function fileText(path: string): Buffer | undefined {
  try {
    return readFileSync(path)
  } catch {
    return undefined
  }
}

/**
 * In namespaces of its own but for what it is there for, without capabilities and confined as containers are: who may trace it from a
 * container gains nothing.
 */
const request: SpecRequest = {
  process: { args: ["/init"], env: [], cwd: "/", terminal: false },
  user: { name: "65534:65534", groups: [] },
  hostname: "",
  readonlyRoot: true,
  namespaces: { network: "new", uts: "new", pid: "new", ipc: "new", cgroup: "host" },
  mounts: [],
  files: {},
  security: { privileged: false, capabilities: [], noNewPrivileges: true, writableCgroups: false },
  resources: {},
  devices: [],
  deviceRules: [],
  sysctl: {},
  annotations: {},
}
