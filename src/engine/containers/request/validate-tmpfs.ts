import { Failure } from "../../../errors/failure.ts"

const refuse = (message: string) => new Failure("invalidArgument", message)

/** Words about a mount of any file system. */
const plain = new Set(
  "defaults ro rw suid nosuid dev nodev exec noexec sync async dirsync remount mand nomand atime noatime diratime nodiratime bind rbind unbindable runbindable private rprivate shared rshared slave rslave relatime norelatime strictatime nostrictatime".split(
    " ",
  ),
)
/** What tmpfs itself is told, by the form of its value (tmpfs(5)). */
const valued: Readonly<Record<string, RegExp>> = {
  size: /^\d+([kmgtpe]|%)?$/i,
  nr_blocks: /^\d+[kmgtpe]?$/i,
  nr_inodes: /^\d+[kmgtpe]?$/i,
  mode: /^[0-7]+$/,
  uid: /^\d+$/,
  gid: /^\d+$/,
  mpol: /^(default|local|(prefer|bind|interleave)(=\w+)?(:[\d,-]+)?)$/,
}

/**
 * Checks an entry of HostConfig.Tmpfs, so that what the kernel would refuse at the start is refused at once.
 * @throws invalidArgument
 */
export function validateTmpfs(destination: string, options: string): void {
  if (!destination.startsWith("/")) throw refuse(`invalid mount path: '${destination}' mount path must be absolute`)
  if (/^\/+(?:\.\/*)*$/.test(destination)) throw refuse(`invalid specification: destination can't be '/'`)
  for (const option of options.split(",")) {
    if (option === "" || plain.has(option)) continue
    const [name = "", value] = splitOnce(option)
    const form = Object.hasOwn(valued, name) ? valued[name] : undefined
    if (!form || value === undefined)
      throw refuse(`invalid tmpfs option [${value === undefined ? `"${name}"` : `"${name}" "${value}"`}]`)
    if (!form.test(value)) throw refuse(`invalid value of tmpfs option ${name}: ${JSON.stringify(value)}`)
  }
}

function splitOnce(option: string): [string, string?] {
  const cut = option.indexOf("=")
  return cut < 0 ? [option] : [option.slice(0, cut), option.slice(cut + 1)]
}
