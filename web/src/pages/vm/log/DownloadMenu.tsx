import { Menu, MenuButton, MenuItem, MenuList, MenuPopover, MenuTrigger } from "@fluentui/react-components";
import { ArrowDownloadRegular } from "@fluentui/react-icons";
import { type ReactNode, useEffect, useRef, useState } from "react";
import { ErrorView } from "../../../components";
import { t } from "../../../text";
import { downloadLog, type Form } from "./download";

/** The whole log as a file, in one of four forms. */
export function DownloadMenu({ id, name }: { id: string; name: string }): ReactNode {
  const [part, setPart] = useState<number>();
  const [failed, setFailed] = useState<{ error: unknown; form: Form }>();
  const end = useRef<AbortController>(undefined);
  useEffect(() => () => end.current?.abort(), []);

  async function run(form: Form): Promise<void> {
    const own = new AbortController();
    end.current = own;
    setPart(0);
    setFailed(undefined);
    try {
      await downloadLog(id, name, form, setPart, own.signal);
    } catch (error) {
      if (!own.signal.aborted) setFailed({ error, form });
    } finally {
      if (!own.signal.aborted) setPart(undefined);
    }
  }

  const label =
    part === undefined ? t("vm.logDownload") : t("vm.logDownloading", { percent: Math.round(100 * part) });
  const forms: readonly [Form, string, string][] = [
    ["bytes", t("vm.logAsBytes"), t("vm.logDownloadHint")],
    ["text", t("vm.logAsText"), t("vm.logAsTextHint")],
    ["html", t("vm.logAsHtml"), t("vm.logAsHtmlHint")],
    ["cast", t("vm.logAsCast"), t("vm.logAsCastHint")],
  ];
  return (
    <>
      <Menu>
        <MenuTrigger disableButtonEnhancement>
          <MenuButton size="small" icon={<ArrowDownloadRegular />} disabledFocusable={part !== undefined}>
            {label}
          </MenuButton>
        </MenuTrigger>
        <MenuPopover>
          <MenuList>
            {forms.map(([form, words, hint]) => (
              <MenuItem key={form} subText={hint} onClick={() => void run(form)}>
                {words}
              </MenuItem>
            ))}
          </MenuList>
        </MenuPopover>
      </Menu>
      {failed && <ErrorView error={failed.error} onRetry={() => void run(failed.form)} />}
    </>
  );
}
