/** What every page is made of. */

export { Confirm } from "./Confirm";
export { CopyButton, copyText } from "./CopyButton";
export { Empty } from "./Empty";
export { type ErrorAction, ErrorView } from "./ErrorView";
export { LaterExtra, LaterOver, LaterPage, Part } from "./Later";
export { PageHeader } from "./PageHeader";
export { Prose } from "./Prose";
export { Stages } from "./Stages";
export { StatusBadge, type Tone } from "./StatusBadge";
export { useFocusBack } from "./useOverPage";
export { type Polled, usePoll } from "./usePoll";
export { When } from "./When";
