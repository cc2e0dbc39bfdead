import { mkdirSync, readdirSync, readFileSync, renameSync, rmdirSync, rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import type { BlockingCalls } from "../../linux/blocking.ts"
import type { Process, RuntimeSpec } from "../../oci/runtime-spec.ts"
import { encodeJson } from "../../std/json.ts"

/** What a task holds, written before it is acquired: a daemon that comes back knows from it what to adopt or to free. */
export interface TaskHoldings {
  /** The task's owner; absent in records of earlier builds, whose tasks are all the engine's. */
  readonly owner?: string
  readonly namespace: string
  readonly containerId: string
  readonly snapshotKey?: string
  /** The root was given as a directory and is not ours to unmount. */
  readonly foreignRoot?: string
  /** Nothing of it is to be kept: mounted without syncs. */
  readonly ephemeral: boolean
  readonly runtime: string
  readonly cgroupPath: string
  /** Whether the cgroup was made by us; otherwise the runtime made it. */
  readonly cgroupByUs: boolean
}

/** The directory an OCI runtime starts a container from (runtime spec, "Filesystem Bundle"), on the run root. */
export class Bundle {
  readonly path: string

  constructor(path: string) {
    this.path = path
  }

  get rootfs(): string {
    return join(this.path, "rootfs")
  }

  /** Makes the directory and records what the task is going to hold. */
  create(holdings: TaskHoldings): void {
    mkdirSync(this.rootfs, { recursive: true, mode: 0o700 })
    this.#writeAtomically("task.json", JSON.stringify(holdings))
  }

  /** Writes config.json. */
  writeSpec(spec: RuntimeSpec): void {
    writeFileSync(join(this.path, "config.json"), encodeJson(spec), { mode: 0o600 })
  }

  /** What was written by {@link writeSpec}. */
  spec(): RuntimeSpec {
    return JSON.parse(readFileSync(join(this.path, "config.json"), "utf8")) as RuntimeSpec
  }

  /** Writes the OCI process of an exec, which is read when it starts. @returns the file, for {@link dropProcess} */
  writeProcess(execId: string, process: Process): string {
    const path = join(this.path, `exec-${execId}.json`)
    writeFileSync(path, encodeJson(process), { mode: 0o600 })
    return path
  }

  /** Removes what {@link writeProcess} wrote, and what a runtime that was killed left beside it. */
  dropProcess(path: string): void {
    for (const file of [path, `${path}.pid`, `${path}.log`]) rmSync(file, { force: true })
  }

  /** Removes the files of execs that an earlier life of the daemon was starting. */
  dropProcesses(): void {
    for (const name of listing(this.path)) if (/^exec-.*\.json$/.test(name)) this.dropProcess(join(this.path, name))
  }

  /** @returns undefined when the record is missing or torn: then nothing was acquired */
  holdings(): TaskHoldings | undefined {
    try {
      return JSON.parse(readFileSync(join(this.path, "task.json"), "utf8")) as TaskHoldings
    } catch {
      return undefined
    }
  }

  #writeAtomically(name: string, text: string): void {
    const path = join(this.path, name)
    writeFileSync(`${path}.new`, text, { mode: 0o600 })
    renameSync(`${path}.new`, path)
  }
}

/**
 * Deletes a bundle. The point the root was mounted on goes first: while it is mounted on, the kernel refuses, and no file of
 * a container is deleted.
 */
export async function removeBundle(bundle: Bundle, blocking: BlockingCalls): Promise<void> {
  try {
    rmdirSync(bundle.rootfs)
  } catch (error) {
    if ((error as { code?: string }).code !== "ENOENT") throw error
  }
  await blocking.removeTree(bundle.path)
}

/** All bundles under `root`, from this life of the daemon or an earlier one. */
export function* bundlesIn(root: string): Generator<Bundle> {
  for (const namespace of listing(root)) {
    for (const id of listing(join(root, namespace))) yield new Bundle(join(root, namespace, id))
  }
}

function listing(path: string): string[] {
  try {
    return readdirSync(path)
  } catch {
    return []
  }
}
