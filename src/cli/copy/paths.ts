import { basename, dirname, join, normalize, resolve } from "node:path"

/*
 * What the end of a path says matters to copying: `dir/` must be a directory, `dir/.` means what is in it.
 */

/** Whether the last part of a path is ".". */
export const meansContents = (path: string): boolean => path === "." || path.endsWith("/.")

/** Whether a path says that it is a directory. */
export const mustBeDirectory = (path: string): boolean => path.endsWith("/") || meansContents(path)

/** `cleaned` with the `/` or `/.` that `original` ended with. */
export function keepEnding(cleaned: string, original: string): string {
  if (meansContents(original)) return meansContents(cleaned) ? cleaned : `${cleaned.replace(/\/$/, "")}/.`
  return original.endsWith("/") && !cleaned.endsWith("/") ? `${cleaned}/` : cleaned
}

/** The absolute form of a path of this machine. */
export const absolute = (path: string): string => keepEnding(resolve(path), path)

/** Directory and last part of a path; the last part of `a/.` is ".". */
export function splitEntry(path: string): readonly [folder: string, base: string] {
  const cleaned = normalize(path).replace(/(.)\/$/, "$1")
  if (meansContents(path)) return [cleaned.replace(/\/\.$/, "") || "/", "."]
  return [dirname(cleaned), basename(cleaned) || "/"]
}

/** Where a symbolic link at `path` leads. */
export const linkTarget = (path: string, target: string): string =>
  target.startsWith("/") ? target : join(splitEntry(path)[0], target)

/** The end of what was asked for, on the path that links led to, and the name that its entries must get back. */
export function afterLinks(asked: string, resolved: string): { readonly path: string; readonly name: string } {
  const path = keepEnding(resolved, asked)
  const [one, other] = [basename(asked), basename(path)]
  return { path, name: one === other ? "" : one }
}

/** `CONTAINER:PATH`, or a path of this machine, which may hold colons when it begins with `/` or `.`. */
export function parseSide(word: string): { readonly container?: string; readonly path: string } {
  const colon = word.indexOf(":")
  if (word.startsWith("/") || colon < 0 || word.slice(0, colon).startsWith(".")) return { path: word }
  const container = word.slice(0, colon)
  return container === "" ? { path: word.slice(1) } : { container, path: word.slice(colon + 1) }
}
