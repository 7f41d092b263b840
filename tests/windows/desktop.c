/* Plays the desktop of a person who is an administrator but works with the rights of a user, as Windows has it by
   default and Wine has not: it starts itself anew with the lesser of the two tokens, and is then what Windows calls
   the shell. Ends when the file it is told goes away. */
#include <windows.h>

BOOL WINAPI SetShellWindow(HWND window);

static int as_user(WCHAR *file) {
  static WCHAR own[MAX_PATH], line[2 * MAX_PATH];
  TOKEN_LINKED_TOKEN linked = {0};
  STARTUPINFOW startup = {sizeof startup};
  PROCESS_INFORMATION made;
  HANDLE token, lesser;
  DWORD size, code = 1;
  if (!OpenProcessToken(GetCurrentProcess(), MAXIMUM_ALLOWED, &token)) return 1;
  if (!GetTokenInformation(token, TokenLinkedToken, &linked, sizeof linked, &size)) return 2;
  if (!DuplicateTokenEx(linked.LinkedToken, MAXIMUM_ALLOWED, NULL, SecurityImpersonation, TokenPrimary, &lesser)) return 3;
  GetModuleFileNameW(NULL, own, MAX_PATH);
  wsprintfW(line, L"\"%s\" \"%s\" shell", own, file);
  if (!CreateProcessAsUserW(lesser, own, line, NULL, NULL, FALSE, 0, NULL, NULL, &startup, &made)) return 4;
  WaitForSingleObject(made.hProcess, INFINITE);
  GetExitCodeProcess(made.hProcess, &code);
  return (int)code;
}

int wmain(int count, WCHAR **words) {
  WNDCLASSW class = {0};
  HWND window;
  MSG message;
  if (count < 2) return 9;
  if (count < 3) return as_user(words[1]);
  class.lpfnWndProc = DefWindowProcW;
  class.lpszClassName = L"Progman";
  RegisterClassW(&class);
  window = CreateWindowExW(0, L"Progman", L"Program Manager", WS_POPUP, 0, 0, 1, 1, NULL, NULL, NULL, NULL);
  if (!window || !SetShellWindow(window)) return 5;
  CloseHandle(CreateFileW(words[1], GENERIC_WRITE, 0, NULL, CREATE_ALWAYS, 0, NULL));
  while (GetFileAttributesW(words[1]) != INVALID_FILE_ATTRIBUTES) {
    while (PeekMessageW(&message, NULL, 0, 0, PM_REMOVE)) DispatchMessageW(&message);
    Sleep(50);
  }
  return 0;
}
