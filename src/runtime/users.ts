import { fstatSync, readFileSync } from "node:fs"
import { Failure } from "../errors/failure.ts"
import { AT_FDCWD, closeDescriptor, openAt, openAt2, openFlags, resolveFlags } from "../linux/files.ts"

/** Who a process runs as. */
export interface ResolvedUser {
  readonly uid: number
  readonly gid: number
  /** The primary group first: without it a process could drop the group and gain what the group is denied. */
  readonly additionalGids: readonly number[]
  /** For HOME; `/` when the user has no entry. */
  readonly home: string
}

/** The most bytes read of a container's passwd or group file. */
const longest = 16 * 1024 * 1024
const highestId = 2147483647

/**
 * Resolves `user[:group]`, names or numbers, by the /etc/passwd and /etc/group inside `root`. No symbolic link leads
 * out of `root`. An empty `user` is root.
 * @param groupAdd further groups, names or numbers
 * @throws invalidArgument in Docker's words when a name is unknown or a number too large
 */
export function resolveUser(root: string, user: string, groupAdd: readonly string[] = []): ResolvedUser {
  const passwd = entries(readInside(root, "etc/passwd"), 7).map(([name, , uid, gid, , home]) => ({
    name: name!,
    uid: Number(uid),
    gid: Number(gid),
    home: home || "/",
  }))
  const groups = entries(readInside(root, "etc/group"), 4).map(([name, , gid, members]) => ({
    name: name!,
    gid: Number(gid),
    members: (members ?? "").split(","),
  }))
  const separator = user.indexOf(":")
  const userWord = separator < 0 ? user : user.slice(0, separator)
  const groupWord = separator < 0 ? "" : user.slice(separator + 1)
  const wanted = userWord === "" ? 0 : numeric(userWord)
  const entry = passwd.find((one) => (wanted === undefined ? one.name === userWord : one.uid === wanted))
  if (!entry && wanted === undefined)
    throw new Failure("invalidArgument", `unable to find user ${userWord}: no matching entries in passwd file`)
  const uid = entry?.uid ?? inRange(wanted!)
  let gid = entry?.gid ?? 0
  let memberships: number[] = []
  if (groupWord !== "") {
    const number = numeric(groupWord)
    const group = groups.find((one) => (number === undefined ? one.name === groupWord : one.gid === number))
    if (!group && number === undefined)
      throw new Failure("invalidArgument", `unable to find group ${groupWord}: no matching entries in group file`)
    gid = group?.gid ?? inRange(number!)
  } else if (entry) memberships = groups.filter((one) => one.members.includes(entry.name)).map((one) => one.gid)
  const added = groupAdd.map((word) => {
    const number = numeric(word)
    const group = groups.find((one) => one.name === word || one.gid === number)
    if (!group && number === undefined) throw new Failure("invalidArgument", `Unable to find group ${word}`)
    return group?.gid ?? inRange(number!)
  })
  return { uid, gid, additionalGids: [...new Set([gid, ...memberships, ...added])], home: entry?.home ?? "/" }
}

const numeric = (word: string): number | undefined => (/^[+-]?\d+$/.test(word) ? Number(word) : undefined)

function inRange(id: number): number {
  if (id >= 0 && id <= highestId) return id
  throw new Failure("invalidArgument", `uids and gids must be in range 0-${highestId}`)
}

/** Lines of colon-separated fields; lines with too few, comments and NIS entries are passed over. */
const entries = (text: string, fields: number): string[][] =>
  text
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => line !== "" && !line.startsWith("#"))
    .map((line) => line.split(":"))
    .filter((words) => words.length >= Math.min(fields, 4) && /^\d+$/.test(words[2] ?? ""))

/** A regular file's text, resolved as if `root` were `/`; empty when it is not there. */
function readInside(root: string, path: string): string {
  let directory: number | undefined
  let file: number | undefined
  try {
    directory = openAt(AT_FDCWD, root, openFlags.path | openFlags.directory)
    file = openAt2(
      directory,
      path,
      openFlags.readonly | openFlags.nonblock,
      resolveFlags.inRoot | resolveFlags.noMagicLinks,
    )
    const { size } = fstatSync(file)
    if (!fstatSync(file).isFile() || size > longest)
      throw new Failure("invalidArgument", `/${path} in the container is not a readable file of at most 16 MB`)
    return readFileSync(file, "utf8")
  } catch (error) {
    const { code } = error as { code?: string }
    if (code === "ENOENT" || code === "ENOTDIR") return ""
    throw error
  } finally {
    if (file !== undefined) closeDescriptor(file)
    if (directory !== undefined) closeDescriptor(directory)
  }
}
