import { spawnSync } from "node:child_process"
import { accessSync, constants, mkdirSync, readFileSync, writeFileSync } from "node:fs"
import { dirname } from "node:path"
import { Failure } from "../../errors/failure.ts"
import { defaultProfile, defaultProfileName } from "./profile.ts"

/** What AppArmor can do for containers on this host. */
export interface AppArmor {
  /** Whether the kernel confines processes by profiles. */
  readonly enabled: boolean
  /** The profile of containers that ask for none; absent when it could not be loaded. */
  readonly defaultProfile?: string
  /** Why there is no default profile although the kernel has AppArmor. */
  readonly reason?: string
}

const listing = "/sys/kernel/security/apparmor/profiles"
const parsers = ["/sbin/apparmor_parser", "/usr/sbin/apparmor_parser"]

/**
 * Loads the default profile, unless the kernel has it already as it shall be.
 * @param record a file of the run root that says what was loaded
 */
export function loadAppArmor(record: string): AppArmor {
  if (!read("/sys/module/apparmor/parameters/enabled").startsWith("Y")) return { enabled: false }
  const listed = read(listing).includes(`${defaultProfileName} (`)
  if (listed && read(record) === defaultProfile) return { enabled: true, defaultProfile: defaultProfileName }
  const parser = parsers.find(executable)
  if (!parser)
    return {
      enabled: true,
      reason: "apparmor_parser is not installed: install the package apparmor, and restart the daemon",
    }
  // -K: no cache is read; -r: what is loaded under this name is replaced.
  const { status, stderr, error } = spawnSync(parser, ["-Kr"], { input: defaultProfile, encoding: "utf8" })
  if (status !== 0)
    return {
      enabled: true,
      reason: `loading the profile failed: ${error?.message ?? stderr.trim().split("\n").at(-1)}`,
    }
  mkdirSync(dirname(record), { recursive: true, mode: 0o711 })
  writeFileSync(record, defaultProfile)
  return { enabled: true, defaultProfile: defaultProfileName }
}

/** Refuses a profile that the kernel does not have: the runtime's own words would not say so. @throws invalidArgument */
export function checkProfile(name: string): void {
  const listed = read(listing)
  // Namespaces and stacks of profiles have marks of their own, and the list may be out of sight.
  if (listed === "" || name.includes("//") || name.startsWith(":")) return
  if (!listed.split("\n").some((line) => line.startsWith(`${name} (`)))
    throw new Failure(
      "invalidArgument",
      `the AppArmor profile ${name} is not loaded: load it with apparmor_parser, or choose another by --security-opt apparmor=NAME`,
    )
}

function read(path: string): string {
  try {
    return readFileSync(path, "utf8")
  } catch {
    return ""
  }
}

function executable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}
