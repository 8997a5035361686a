/** Gives the person a file, made in the page. */
export function saveAs(name: string, content: BlobPart, type: string): void {
  const address = URL.createObjectURL(new Blob([content], { type }));
  const link = document.createElement("a");
  link.href = address;
  link.download = name.replaceAll(/[^\w.@-]+/g, "_");
  link.click();
  // The download has taken its copy by then.
  setTimeout(() => URL.revokeObjectURL(address), 60_000);
}
