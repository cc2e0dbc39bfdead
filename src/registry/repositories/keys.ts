import type { Digest } from "../../oci/digest.ts"

/** Where the records of repositories lie. No component of a repository's name starts with `_`. */
export const keys = {
  catalog: "catalog",
  /** `/` is not for file names, `:` not for repository names. */
  catalogEntry: (repository: string) => `catalog/${repository.replaceAll("/", ":")}`,
  tags: (repository: string) => `repositories/${repository}/_tags`,
  tag: (repository: string, tag: string) => `repositories/${repository}/_tags/${tag}`,
  manifests: (repository: string) => `repositories/${repository}/_manifests`,
  manifest: (repository: string, digest: Digest) => `repositories/${repository}/_manifests/${digest}`,
  referrers: (repository: string, subject: Digest) => `repositories/${repository}/_referrers/${subject}`,
  referrer: (repository: string, subject: Digest, digest: Digest) =>
    `repositories/${repository}/_referrers/${subject}/${digest}`,
} as const
