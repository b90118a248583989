"""The dashboards' entry: `streamlit run dashboards/app.py -- --service URL`."""

from tidegate_dashboards.navigation import main

if __name__ == "__main__":
    main()
