import { readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { messageOf } from "../../errors/failure.ts"
import type { Hook, HookName } from "../../oci/runtime-spec.ts"
import { parseYaml } from "../../std/yaml.ts"

/** What a device changes in a container (Container Device Interface, "Container edits"). */
export interface ContainerEdits {
  readonly env?: readonly string[]
  readonly deviceNodes?: readonly {
    readonly path: string
    readonly hostPath?: string
    readonly type?: string
    readonly major?: number
    readonly minor?: number
    readonly fileMode?: number
    readonly permissions?: string
    readonly uid?: number
    readonly gid?: number
  }[]
  readonly mounts?: readonly {
    readonly hostPath: string
    readonly containerPath: string
    readonly options?: readonly string[]
    readonly type?: string
  }[]
  readonly hooks?: readonly (Hook & { readonly hookName: HookName })[]
  readonly additionalGids?: readonly number[]
}

/** A device as containers ask for it. */
export interface CdiDevice {
  /** `vendor.com/class=name` */
  readonly name: string
  readonly edits: ContainerEdits
  /** What every device of the same file changes: applied once, whatever the number of devices. */
  readonly common: ContainerEdits
}

/** The devices that a host describes, and what could not be read. */
export interface CdiDevices {
  readonly devices: ReadonlyMap<string, CdiDevice>
  readonly problems: readonly string[]
}

const kind = /^[A-Za-z][A-Za-z0-9_.-]*\/[A-Za-z][A-Za-z0-9_-]*$/
const deviceName = /^[A-Za-z0-9][A-Za-z0-9_.:-]*$/

/** Reads the specifications (`*.json`, `*.yaml`) in `directories`; a device in a later one replaces that of an earlier. */
export function readCdiDevices(directories: readonly string[]): CdiDevices {
  const devices = new Map<string, CdiDevice>()
  const problems: string[] = []
  for (const path of directories.flatMap(specificationsIn)) {
    try {
      for (const device of devicesOf(parseYaml(readFileSync(path, "utf8")))) devices.set(device.name, device)
    } catch (error) {
      problems.push(`${path}: ${messageOf(error)}`)
    }
  }
  return { devices, problems }
}

function specificationsIn(directory: string): string[] {
  try {
    return readdirSync(directory)
      .filter((name) => /\.(json|yaml|yml)$/.test(name))
      .sort()
      .map((name) => join(directory, name))
  } catch {
    return []
  }
}

function devicesOf(document: unknown): CdiDevice[] {
  const spec = document as {
    readonly kind?: unknown
    readonly containerEdits?: ContainerEdits
    readonly devices?: readonly { readonly name?: unknown; readonly containerEdits?: ContainerEdits }[]
  } | null
  const named = spec?.kind
  if (typeof named !== "string" || !kind.test(named)) throw new Error("it has no kind of the form vendor/class")
  if (!Array.isArray(spec?.devices)) throw new Error("it has no devices")
  const common = spec.containerEdits ?? {}
  return spec.devices.map((device) => {
    const name = String(device?.name ?? "")
    if (!deviceName.test(name)) throw new Error(`the device name ${JSON.stringify(name)} is not valid`)
    return { name: `${named}=${name}`, edits: device.containerEdits ?? {}, common }
  })
}
