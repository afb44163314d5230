//! The programs that make the calls.

use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

use crescendo_tests::Lab;
use crescendo_tests::c::compile;

use super::calls::Case;
use super::header::Header;
use super::roles::takes_back;
use super::wrong::{ANSWER, Expected};

const CALLBACK: &str = "    crescendo_callbacks callbacks = {.size = sizeof callbacks, .ask = on_question};
    if (the_crescendo_device != NULL)
        crescendo_device_authenticate(the_crescendo_device, NULL, 0, &callbacks);
";

/// A program that makes each call once: `refused`, those that have to be refused; `none`, none of them; and of one
/// function alone, if it is named.
pub(crate) fn once(lab: &Lab, header: &Header, cases: &[Case], flags: &[&[&str]]) -> PathBuf {
    let mut code = beginning(header) + "static crescendo_answer *the_crescendo_answer;\n";
    for (at, case) in cases.iter().enumerate() {
        let about = format!("{} {}: {}", case.function, case.place, case.wrong);
        write!(code, "/* {about} */\n{}", function(&format!("call_{at}"), &case.code)).unwrap();
    }
    code += "static void make_calls(bool in_callback)\n{\n";
    for (at, case) in cases.iter().enumerate() {
        let is_refused = matches!(case.expected, Expected::Status(..));
        let when = format!(
            "in_callback == {} && is_wanted({is_refused}, \"{}\")",
            case.is_in_callback, case.function
        );
        writeln!(code, "    if ({when}) make({at}, call_{at});").unwrap();
    }
    code += "}\n
static bool on_question(void *user, const crescendo_question *question, crescendo_answer *answer)
{
    (void)user, (void)question;
    the_crescendo_answer = answer;
    make_calls(true);
    the_crescendo_answer = NULL;
    return false;
}
";
    let body = format!("    make_calls(false);\n{CALLBACK}");
    finished(lab, "misuse", code, header, &body, flags)
}

/// A call that two threads make at once.
#[derive(Debug)]
pub(crate) struct Both {
    pub(crate) function: String,
    /// How often each of them does.
    pub(crate) rounds: u32,
}

/// A program that makes each call from two threads at once. What frees something is for one thread alone, as the header says,
/// and an answer belongs to the thread that is asked.
pub(crate) fn both(lab: &Lab, header: &Header, flags: &[&[&str]]) -> (Vec<Both>, PathBuf) {
    let mut code = beginning(header);
    let (mut calls, mut body) = (Vec::new(), String::new());
    for function in &header.functions {
        let is_of_one = function.parameters.iter().any(|it| it.of.is(ANSWER, 1)) || takes_back(function);
        if is_of_one {
            continue;
        }
        let [with_texts, without] = header.right(function).unwrap();
        let rights = if with_texts == without { vec![without] } else { vec![with_texts, without] };
        for right in rights {
            let (at, rounds) = (calls.len(), rounds(&function.name));
            code += &self::function(&format!("call_{at}"), &right);
            writeln!(body, "    side_by_side({at}, {rounds}, call_{at});").unwrap();
            calls.push(Both { function: function.name.clone(), rounds });
        }
    }
    let program = finished(lab, "both", code, header, &body, flags);
    (calls, program)
}

/// A hundred times, but for what takes seconds.
fn rounds(function: &str) -> u32 {
    if function == "crescendo_doctor" { 1 } else { 100 }
}

fn function(name: &str, code: &str) -> String {
    format!(
        "static crescendo_status {name}(bool *intact)
{{
    crescendo_status returned_status = CRESCENDO_STATUS_OK;
    bool is_untouched = true;
{code}    *intact = is_untouched;
    return returned_status;
}}

"
    )
}

fn beginning(header: &Header) -> String {
    let harness = fs::read_to_string(harness()).unwrap();
    let mut code = "#include \"misuse.h\"\n\n".to_owned();
    for name in &header.handles {
        let is_made = harness.contains(&format!(" make_{name}("));
        assert!(is_made || name == ANSWER, "misuse.h makes no {name}: write make_{name}");
        if is_made {
            writeln!(code, "static {name} *the_{name}, *freed_{name};").unwrap();
        }
    }
    code += &header.right_structures().unwrap();
    code
}

fn finished(
    lab: &Lab,
    name: &str,
    mut code: String,
    header: &Header,
    body: &str,
    flags: &[&[&str]],
) -> PathBuf {
    let mut made: Vec<_> = header.handles.iter().filter(|name| *name != ANSWER).collect();
    // Each of what the ones after it are made of.
    made.sort_by_key(|name| (*name != "crescendo_context", *name != "crescendo_device"));
    code += "int main(int count, char **words)\n{\n    wanted = count > 1 ? words[1] : \"all\";\n    of = count > 2 ? words[2] : NULL;\n";
    for name in &made {
        writeln!(code, "    if (make_{name}(&the_{name}) == CRESCENDO_STATUS_OK) {{").unwrap();
        writeln!(code, "        make_{name}(&freed_{name});\n        {name}_free(freed_{name});\n    }}")
            .unwrap();
    }
    write!(code, "    make_results();\n{body}    free_results();\n").unwrap();
    for name in made.iter().rev() {
        writeln!(code, "    {name}_free(the_{name});").unwrap();
    }
    code += "    puts(\"the end\");\n    return 0;\n}\n";
    let source = lab.file(&format!("{name}.c"), code);
    let program = lab.path(name);
    let folder = harness().parent().unwrap().display().to_string();
    compile(&[&source], &[flags, &[&["-I", &folder, "-pthread"]]].concat(), &program);
    program
}

fn harness() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("strangers/misuse.h")
}
