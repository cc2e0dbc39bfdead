/** Docker's words in help, which must be docker's to the letter when called so, and Barge's in their place. */
const own: readonly (readonly [string, string])[] = [
  ["docker context use", "barge context use"],
  ["Manage Docker image manifests", "Manage image manifests"],
  ["Manage Docker", "Manage Barge"],
  ["Show docker disk usage", "Show disk usage"],
  ["Show the Docker version information", "Show the version information"],
  ["the default docker context", "the default context"],
  ["on Docker objects", "on objects"],
  ["Bind mount Docker API socket", "Bind mount the API socket"],
]

/** A text of the help, as it is said by the program that was called. */
export const inOwnWords = (program: string, text: string): string =>
  program === "docker" ? text : own.reduce((said, [theirs, ours]) => said.replaceAll(theirs, ours), text)
