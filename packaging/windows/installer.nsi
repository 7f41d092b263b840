; Installer of a program that keeps itself up to date. `updraft package --format nsis` fills in what stands between @
; and @; `makensis setup.nsi` makes the installer. It installs for the user who runs it, and asks for no rights.
; Silent: /S, and /D=FOLDER as the last word. What people may want to change stands here and nowhere else.
Unicode true
ManifestDPIAware true
RequestExecutionLevel user
SetCompressor /SOLID lzma
SetDateSave off

!include MUI2.nsh
!include LogicLib.nsh

!define UNINSTALL_KEY "Software\Microsoft\Windows\CurrentVersion\Uninstall\@ID@"
!define UPDATER "$INSTDIR\@UPDATER_FILE@"

Name "@NAME@" "@NAME_MENU@"
OutFile "@OUT@"
InstallDir "$LOCALAPPDATA\Programs\@FOLDER@"
InstallDirRegKey HKCU "${UNINSTALL_KEY}" "InstallLocation"

!define MUI_ABORTWARNING
!define MUI_COMPONENTSPAGE_NODESC
@ICON@
@RUN@
!insertmacro MUI_PAGE_DIRECTORY
!insertmacro MUI_PAGE_COMPONENTS
!insertmacro MUI_PAGE_INSTFILES
!insertmacro MUI_PAGE_FINISH
!insertmacro MUI_UNPAGE_CONFIRM
!insertmacro MUI_UNPAGE_INSTFILES
!insertmacro MUI_LANGUAGE "English"
!insertmacro MUI_LANGUAGE "SimpChinese"
!insertmacro MUI_LANGUAGE "TradChinese"
!insertmacro MUI_LANGUAGE "Japanese"
!insertmacro MUI_LANGUAGE "German"
!insertmacro MUI_LANGUAGE "French"
!insertmacro MUI_LANGUAGE "Spanish"
!insertmacro MUI_LANGUAGE "Russian"

LangString RUNNING ${LANG_ENGLISH} "$(^Name) is still running. Close it and try again."
LangString RUNNING ${LANG_SIMPCHINESE} "$(^Name) 仍在运行。请关闭后重试。"
LangString RUNNING ${LANG_TRADCHINESE} "$(^Name) 仍在執行。請關閉後再試一次。"
LangString RUNNING ${LANG_JAPANESE} "$(^Name) はまだ実行中です。終了してから再試行してください。"
LangString RUNNING ${LANG_GERMAN} "$(^Name) läuft noch. Schließen Sie das Programm und versuchen Sie es erneut."
LangString RUNNING ${LANG_FRENCH} "$(^Name) est encore en cours d'exécution. Fermez-le et réessayez."
LangString RUNNING ${LANG_SPANISH} "$(^Name) todavía se está ejecutando. Ciérrelo e inténtelo de nuevo."
LangString RUNNING ${LANG_RUSSIAN} "$(^Name) ещё работает. Закройте программу и повторите попытку."
LangString DESKTOP_LINK ${LANG_ENGLISH} "Shortcut on the desktop"
LangString DESKTOP_LINK ${LANG_SIMPCHINESE} "桌面快捷方式"
LangString DESKTOP_LINK ${LANG_TRADCHINESE} "桌面捷徑"
LangString DESKTOP_LINK ${LANG_JAPANESE} "デスクトップのショートカット"
LangString DESKTOP_LINK ${LANG_GERMAN} "Verknüpfung auf dem Desktop"
LangString DESKTOP_LINK ${LANG_FRENCH} "Raccourci sur le bureau"
LangString DESKTOP_LINK ${LANG_SPANISH} "Acceso directo en el escritorio"
LangString DESKTOP_LINK ${LANG_RUSSIAN} "Ярлык на рабочем столе"

; Takes an installed version away. Only its updater knows what the last update laid down; $0 is its exit code, 60 if the
; program runs.
!macro TAKE_AWAY UN
Function ${UN}TakeAway
  ${Do}
    StrCpy $0 1
    ExecWait '"${UPDATER}" uninstall --yes' $0
    ${If} $0 <> 60
      ${ExitDo}
    ${EndIf}
    MessageBox MB_RETRYCANCEL|MB_ICONEXCLAMATION "$(RUNNING)" /SD IDCANCEL IDRETRY again
    SetErrorLevel 60
    Quit
    again:
  ${Loop}
FunctionEnd
!macroend
!insertmacro TAKE_AWAY ""
!insertmacro TAKE_AWAY "un."

Section "@NAME@" Program
  SectionIn RO
  SetOutPath "$INSTDIR"
  ${If} ${FileExists} "${UPDATER}"
    Call TakeAway
  ${EndIf}
@INSTALL@
  SetOutPath "$INSTDIR"
  WriteUninstaller "$INSTDIR\uninstall.exe"
@MENU_LINK@
  ; No version: the program updates itself, and nothing would keep this one true.
  WriteRegStr HKCU "${UNINSTALL_KEY}" "DisplayName" "@NAME@"
  WriteRegStr HKCU "${UNINSTALL_KEY}" "DisplayIcon" "$INSTDIR\@DISPLAY_ICON@"
@PUBLISHER@
@HOMEPAGE@
  WriteRegStr HKCU "${UNINSTALL_KEY}" "InstallLocation" "$INSTDIR"
  WriteRegStr HKCU "${UNINSTALL_KEY}" "UninstallString" '"$INSTDIR\uninstall.exe"'
  WriteRegStr HKCU "${UNINSTALL_KEY}" "QuietUninstallString" '"$INSTDIR\uninstall.exe" /S'
  WriteRegDWORD HKCU "${UNINSTALL_KEY}" "EstimatedSize" @KILOBYTES@
  WriteRegDWORD HKCU "${UNINSTALL_KEY}" "NoModify" 1
  WriteRegDWORD HKCU "${UNINSTALL_KEY}" "NoRepair" 1
SectionEnd

Section /o "$(DESKTOP_LINK)" Desktop
@DESKTOP_LINK@
SectionEnd

Section "Uninstall"
  SetOutPath "$TEMP"
  StrCpy $0 1
  ${If} ${FileExists} "${UPDATER}"
    Call un.TakeAway
  ${EndIf}
  ${If} $0 <> 0
    ; Without a working updater: what this installer laid down.
    Call un.Remove
  ${EndIf}
  ; The folder of the updater is its own.
  RMDir /r "$INSTDIR\@UPDATER@"
  Delete "$INSTDIR\uninstall.exe"
  RMDir "$INSTDIR"
  Delete "$SMPROGRAMS\@FOLDER@.lnk"
  Delete "$DESKTOP\@FOLDER@.lnk"
  DeleteRegKey HKCU "${UNINSTALL_KEY}"
SectionEnd

Function un.Remove
@REMOVE@
FunctionEnd
