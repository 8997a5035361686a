import { Field, Radio, RadioGroup } from "@fluentui/react-components";
import { type ReactNode, useEffect, useRef, useState } from "react";
import { FormBody, FormDialog } from "../../pages/shared/FormDialog";
import { downloadLog, type Form } from "../../pages/vm/log/download";
import { t } from "../../text";
import type { Seat } from "../seat";
import { fileName } from "../terminal/record";

type What = "all" | "window";

/** What was printed as a file: all of the log, or what came in this window; in a form to read, to play, or as it was. */
export function DownloadDialog({ seat, onClose }: { seat: Seat; onClose: () => void }): ReactNode {
  return (
    <FormDialog open onClose={onClose}>
      <Choices seat={seat} onClose={onClose} />
    </FormDialog>
  );
}

function Choices({ seat, onClose }: { seat: Seat; onClose: () => void }): ReactNode {
  const [what, setWhat] = useState<What>("window");
  const [form, setForm] = useState<Form>("bytes");
  const [part, setPart] = useState<number>();
  const ending = useRef<AbortController>(undefined);
  useEffect(() => () => ending.current?.abort(), []);

  async function save(): Promise<boolean> {
    const own = new AbortController();
    ending.current = own;
    try {
      await saved(seat, what, form, setPart, own.signal);
    } catch (thrown) {
      if (!own.signal.aborted) throw thrown;
    } finally {
      if (!own.signal.aborted) setPart(undefined);
    }
    return true;
  }

  const forms: readonly [Form, string, string][] = [
    ["bytes", t("vm.logAsBytes"), t("console.downloadBytesHint")],
    ["text", t("vm.logAsText"), t("console.downloadTextHint")],
    ["html", t("vm.logAsHtml"), t("vm.logAsHtmlHint")],
    ["cast", t("vm.logAsCast"), t("vm.logAsCastHint")],
  ];
  return (
    <FormBody
      title={t("console.downloadTitle", seat.machine)}
      submit={t("console.download")}
      onSubmit={save}
      onClose={onClose}
    >
      <Field label={t("console.downloadWhat")}>
        <RadioGroup value={what} onChange={(_, data) => setWhat(data.value as What)}>
          <Radio value="window" label={t("console.downloadWindow")} />
          <Radio value="all" label={t("console.downloadAll")} />
        </RadioGroup>
      </Field>
      <Field label={t("console.downloadForm")}>
        <RadioGroup value={form} onChange={(_, data) => setForm(data.value as Form)}>
          {forms.map(([value, words, hint]) => (
            <Radio key={value} value={value} label={`${words}: ${hint}`} />
          ))}
        </RadioGroup>
      </Field>
      <span role="status">
        {part !== undefined && t("vm.logDownloading", { percent: Math.round(100 * part) })}
      </span>
    </FormBody>
  );
}

/** What this window has itself is taken from it: that needs neither the network nor the right to read the log. */
async function saved(
  seat: Seat,
  what: What,
  form: Form,
  told: (part: number) => void,
  signal: AbortSignal,
): Promise<void> {
  const { id, name } = seat.machine;
  if (what === "all") {
    await downloadLog(id, name, form, told, signal);
    return;
  }
  if (form === "bytes" || form === "text") {
    seat.download(form);
    return;
  }
  const { start, end } = seat.record;
  const range = { from: start ?? 0, end: end ?? 0 };
  const file = fileName(name, start, new Date(), form).slice(0, -form.length - 1);
  await downloadLog(id, name, form, told, signal, { range, file });
}
