import { Failure } from "../../errors/failure.ts"
import { closeDescriptor, openAt, openAt2, openFlags, resolveFlags } from "../../linux/files.ts"
import { told } from "./paths.ts"

/**
 * Opens what `subpath` leads to within the directory `base`; no link leads out of it, however it changes meanwhile.
 * @returns a descriptor to close
 * @throws notFound · invalidArgument when it leads out, in Docker's words
 */
export function openSubpath(base: string, subpath: string): number {
  const directory = openAt(-100, base, openFlags.path | openFlags.directory)
  try {
    return openAt2(directory, subpath, openFlags.path, resolveFlags.beneath | resolveFlags.noMagicLinks)
  } catch (error) {
    if ((error as { code?: string }).code === "EXDEV") {
      throw new Failure(
        "invalidArgument",
        `path concatenation escapes the base directory, base: ${base}, subpath: ${subpath}`,
        error,
      )
    }
    return told("cannot access path", `${base}/${subpath}`, () => {
      throw error
    })
  } finally {
    closeDescriptor(directory)
  }
}
