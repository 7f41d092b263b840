/* Starts a program with the rights of an administrator, as a person does who says yes to the system's question, and
   ends as it did: `elevate PROGRAM ARGUMENTS`. */
#include <windows.h>
#include <shellapi.h>

int wmain(int count, WCHAR **words) {
  static WCHAR line[8192];
  SHELLEXECUTEINFOW info = {sizeof info};
  DWORD code = 1;
  int i;
  if (count < 2) return 2;
  for (i = 2; i < count; i++) {
    lstrcatW(line, L" \"");
    lstrcatW(line, words[i]);
    lstrcatW(line, L"\"");
  }
  info.fMask = SEE_MASK_NOCLOSEPROCESS | SEE_MASK_NO_CONSOLE;
  info.lpVerb = L"runas";
  info.lpFile = words[1];
  info.lpParameters = line;
  info.nShow = SW_SHOWNORMAL;
  if (!ShellExecuteExW(&info)) return 3;
  WaitForSingleObject(info.hProcess, INFINITE);
  GetExitCodeProcess(info.hProcess, &code);
  return (int)code;
}
