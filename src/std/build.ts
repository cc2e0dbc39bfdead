declare const BARGE_VERSION: string | undefined
declare const BARGE_COMMIT: string | undefined
declare const BARGE_BUILT: string | undefined

/** What this program is: filled in by the build, with words that say so when it runs from source. */
export const build = {
  version: typeof BARGE_VERSION === "undefined" ? "0.1.0-source" : BARGE_VERSION,
  commit: typeof BARGE_COMMIT === "undefined" ? "source" : BARGE_COMMIT,
  /** RFC 3339. */
  time: typeof BARGE_BUILT === "undefined" ? "1970-01-01T00:00:00.000Z" : BARGE_BUILT,
} as const

/** Tells one build from every other, also from those of the same version. */
export const buildIdentity = `${build.version} ${build.commit} ${build.time}`
